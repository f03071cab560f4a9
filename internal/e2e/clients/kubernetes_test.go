package clients

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// kubernetes retries what carries a Retry-After, ten times, and nothing else.
var kubernetes = client{
	name:   "client-go",
	setup:  "defaults (10 retries)",
	module: "k8s.io/client-go",
	agent:  " kubernetes/",
	heeds:  []string{"Retry-After"},
	most:   11,
	call: func(ctx context.Context, address string) error {
		c, err := rest.UnversionedRESTClientFor(&rest.Config{
			Host: "http://" + address,
			// What every generated clientset sends where the program gives no name.
			UserAgent: rest.DefaultKubernetesUserAgent(),
			ContentConfig: rest.ContentConfig{
				GroupVersion:         &schema.GroupVersion{Version: "v1"},
				NegotiatedSerializer: serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion(),
			},
		})
		if err != nil {
			return err
		}
		defer c.Client.CloseIdleConnections()
		return c.Get().AbsPath("/api/v1/things").Do(ctx).Error()
	},
}
