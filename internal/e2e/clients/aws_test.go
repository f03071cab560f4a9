package clients

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// awsSDK asks DynamoDB for an item, at another address. It retries 500, 502,
// 503 and 504, and whatever names a throttling error. It waits by its own
// backoff alone, of up to 2 and 4 s.
var awsSDK = client{
	name:   "AWS SDK",
	setup:  "DynamoDB's GetItem, defaults (3 attempts)",
	module: "github.com/aws/aws-sdk-go-v2",
	agent:  "aws-sdk-go-v2/",
	marks:  []string{"Amz-Sdk-Request"},
	most:   3,
	call: func(ctx context.Context, address string) error {
		c := dynamodb.New(dynamodb.Options{
			Region:       "eu-north-1",
			BaseEndpoint: aws.String("http://" + address),
			Credentials:  credentials.NewStaticCredentialsProvider("id", "secret", ""),
		})
		_, err := c.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: aws.String("things"),
			Key:       map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "42"}},
		})
		return err
	},
}

// awsNextAddress tells this test's own binary to be the client instead: the
// SDK reads how to retry from the environment, which is one for a process.
const awsNextAddress = "LEVEE_TEST_AWS_ADDRESS"

// awsNext is the same with the retries of 2026, which heed what they are told,
// as far as it is within 5 s of their own backoff. DynamoDB's are one more.
var awsNext = client{
	name:   "AWS SDK, new retries",
	setup:  "as above with `AWS_NEW_RETRIES_2026=true` (4 attempts)",
	module: "github.com/aws/aws-sdk-go-v2",
	agent:  "aws-sdk-go-v2/",
	marks:  []string{"Amz-Sdk-Request"},
	heeds:  []string{"X-Amz-Retry-After"},
	most:   4,
	call: func(ctx context.Context, address string) error {
		command := exec.CommandContext(ctx, os.Args[0])
		command.Env = append(os.Environ(), "AWS_NEW_RETRIES_2026=true", awsNextAddress+"="+address)
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, output)
		}
		return nil
	},
}
