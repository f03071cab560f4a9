package clients

import (
	"errors"
	"io"
	"net/http"
)

// succeeded reads an answer of a Go client to its end, so that the connection
// can be used again, and wants it to be a success.
func succeeded(response *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}
