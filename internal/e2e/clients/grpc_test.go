package clients

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
)

// retryPolicy is the service config of gRPC's own retry example, with the
// second code that services of this kind name, and shorter waits.
const retryPolicy = `{"methodConfig": [{
	"name": [{}],
	"retryPolicy": {
		"maxAttempts": 4,
		"initialBackoff": "0.1s",
		"maxBackoff": "0.5s",
		"backoffMultiplier": 2,
		"retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]
	}
}]}`

// grpcGo retries the codes that its policy names.
var grpcGo = client{
	name:   "grpc-go",
	setup:  "a `retryPolicy` of 4 attempts for UNAVAILABLE and RESOURCE_EXHAUSTED",
	module: "google.golang.org/grpc",
	grpc:   true,
	agent:  "grpc-go/",
	marks:  []string{"Grpc-Previous-Rpc-Attempts"},
	heeds:  []string{"Grpc-Retry-Pushback-Ms"},
	most:   4,
	call: func(ctx context.Context, address string) error {
		c, err := grpc.NewClient("passthrough:///"+address,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultServiceConfig(retryPolicy))
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Invoke(ctx, "/things.Things/Get", &emptypb.Empty{}, &emptypb.Empty{})
	},
}
