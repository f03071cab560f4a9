vcl 4.1;
backend origin {
    .host = "{{.OriginHost}}";
    .port = "{{.OriginPort}}";
}
sub vcl_recv {
{{- if eq .Role "refused"}}
    return (synth(429));
{{- else if eq .Role "cached"}}
    return (hash);
{{- else}}
    return (pass);
{{- end}}
}
{{- if eq .Role "refused"}}
sub vcl_synth {
    synthetic("");
    return (deliver);
}
{{- end}}
