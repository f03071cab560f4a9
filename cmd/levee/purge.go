package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/levee-proxy/levee/internal/admin"
	"github.com/levee-proxy/levee/proxy"
)

func newPurge() *cobra.Command {
	command := &cobra.Command{
		Use:   "purge [URL]",
		Short: "Make a running Levee forget what it has cached",
		Long: `Make a running Levee, by its admin port, forget what it has cached: for a URL, for
all URLs with a prefix, for a cache group, for a route or an upstream, or all of
it. What is being fetched at the moment isn't kept either.

URLs are written as clients ask Levee for them: with http:// or https://, with
their Host and its port, and with the query. A group is one that the service
named in Cache-Groups (RFC 9875), and belongs to the origin of the URL.

A soft purge makes answers stale: they are validated before the next use, or behind
it within staleWhileRevalidate, and stay there for trouble, as far as they and
their route allow stale answers. A
hard one, which is the default, leaves nothing: if the service can't answer at
once, nobody is answered. In an outage, purge softly.

Prints how many answers that were. Ends with 0, also when there were none; with 1
when Levee can't be reached or refuses; and with 2 when the command is wrong.`,
		Example: `  levee purge http://shop.example/products/17
  levee purge --soft --prefix http://shop.example/products/
  levee purge --group products --origin https://shop.example
  levee purge --route features --soft
  levee purge --all --json`,
		Args: cobra.MaximumNArgs(1),
	}
	var what proxy.Purge
	flags := command.Flags()
	address := flags.String("admin", defaultAdmin, "admin address of the Levee to ask: HOST:PORT or unix:/PATH")
	asJSON := flags.Bool("json", false, "print JSON")
	flags.StringVar(&what.Prefix, "prefix", "", "purge all URLs that begin so, byte by byte")
	flags.StringVar(&what.Group, "group", "", "purge a cache group of an origin")
	flags.StringVar(&what.Origin, "origin", "", "the origin whose group it is: http:// or https:// and its host")
	flags.StringVar(&what.Route, "route", "", "purge what was cached on the route of this name")
	flags.StringVar(&what.Upstream, "upstream", "", "purge what was cached on the routes to this upstream")
	flags.BoolVar(&what.All, "all", false, "purge everything")
	flags.BoolVar(&what.Soft, "soft", false, "make stale, and keep for trouble")
	for _, name := range []string{"prefix", "group", "origin", "route", "upstream", "all", "soft"} {
		notFromEnvironment(flags, name)
	}
	command.RunE = func(command *cobra.Command, arguments []string) error {
		if len(arguments) == 1 {
			what.URL = arguments[0]
		}
		if err := clear(what, flags); err != nil {
			return &exitError{exitUsage, err, "See levee purge --help."}
		}
		client, err := admin.NewClient(*address)
		if err != nil {
			return refused(fmt.Errorf("--admin %s: %w", *address, err))
		}
		done, err := client.Purge(command.Context(), what)
		if err != nil {
			return notPurged(*address, err)
		}
		out := command.OutOrStdout()
		if *asJSON {
			return wrapFailure(json.NewEncoder(out).Encode(done))
		}
		_, err = fmt.Fprintln(out, done)
		return wrapFailure(err)
	}
	return command
}

// clear says what is wrong with a purge that isn't clear.
func clear(what proxy.Purge, flags *pflag.FlagSet) error {
	named := 0
	for _, is := range [...]bool{what.URL != "", flags.Changed("prefix"), flags.Changed("group"), flags.Changed("route"), flags.Changed("upstream"), what.All} {
		if is {
			named++
		}
	}
	switch {
	case named == 0:
		return errors.New("what is to be purged? Give a URL, --prefix, --group with --origin, --route, --upstream, or --all for everything")
	case named > 1:
		return errors.New("one thing is purged at a time: a URL, --prefix, --group with --origin, --route, --upstream, or --all")
	case flags.Changed("group") != flags.Changed("origin"):
		return errors.New("--group and --origin go together: groups of different origins have nothing to do with each other")
	}
	for _, name := range []string{"prefix", "group", "origin", "route", "upstream"} {
		if flags.Changed(name) && flags.Lookup(name).Value.String() == "" {
			return fmt.Errorf("--%s is empty", name)
		}
	}
	return nil
}

// notPurged chooses the exit code and the hint for what went wrong.
func notPurged(address string, err error) error {
	answer, ok := errors.AsType[*admin.Refused](err)
	switch {
	case !ok:
		return &exitError{exitFailure, fmt.Errorf("%s: %w", address, err), "Does it run, and is its admin port there? --admin or LEVEE_ADMIN says where to ask."}
	case answer.Status == http.StatusBadRequest:
		return refused(errors.New(answer.Said))
	case answer.Status == http.StatusNotFound, answer.Status == http.StatusConflict:
		return failed(errors.New(answer.Said))
	}
	return failed(fmt.Errorf("%s: %w", address, err))
}
