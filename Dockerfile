# Levee's image: one static binary and the certificate authorities, nothing else.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t levee .
#
# make image builds the same file without a daemon and without a registry: it
# hands in a Go image made from the machine's own Go tree.

ARG GO_IMAGE=golang:1.26

FROM ${GO_IMAGE} AS build
ARG VERSION=devel
ENV CGO_ENABLED=0
WORKDIR /src

# Modules first: they change less often than the code.
COPY go.mod go.sum ./
RUN go mod download

COPY . .
RUN go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/levee ./cmd/levee

FROM scratch
# Authorities for https upstreams. The official Go images have them (Debian's
# and Alpine's at the same path); a build image without them ends the build here.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/levee /levee

# Nobody in particular: no name, no home, no rights.
USER 65532:65532

# Traffic, and health with metrics. The admin port stays on the container's loopback.
EXPOSE 4480 4482

# Asks the admin port from inside, so that it needs no shell and no curl. Where
# that port is moved, LEVEE_ADMIN tells both of them.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/levee", "status"]

ENTRYPOINT ["/levee"]
CMD ["run"]
