# Levee's own build. make help lists what there is.

GO      ?= go
TOOLS   := $(CURDIR)/bin/tools
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
IMAGE   ?= localhost/levee:$(VERSION)

# What make run proxies to: a URL, or nothing for the small built-in service.
UPSTREAM ?= demo

# A module of its own: real client libraries, which Levee must not depend on.
CLIENTS := internal/e2e/clients

# Debian's sh lacks pipefail.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c

.DEFAULT_GOAL := help
.PHONY: help build run test test-clients fuzz lint fmt bench bench-envoy microbench storm expiry rehearse-limiter rehearse-storms image image-test tools clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

build: ## build bin/levee
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)" -o bin/levee ./cmd/levee

run: build ## build and run in front of UPSTREAM=http://127.0.0.1:8080, or of a built-in service
	bin/levee run --upstream "$(UPSTREAM)"

test: ## install what the tests need, then run all of them with the race detector
	internal/tools/deps.sh test
	internal/tools/gotools.sh $(TOOLS) h2spec grpc-interop-client grpc-interop-server
	LEVEE_E2E_REQUIRE=1 $(GO) test -race -timeout 15m ./...
	LEVEE_ENGINE=standard LEVEE_E2E_REQUIRE=1 $(GO) test -timeout 15m ./proxy ./internal/e2e
	$(MAKE) --no-print-directory test-clients

test-clients: ## what real client libraries do when Levee sheds, and what the test-suite of HTTP caches says; CLIENTTEST=-v takes flags
	internal/tools/deps.sh clients
	cd $(CLIENTS)/node && { [[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --loglevel=error --no-audit --no-fund; }
	cd $(CLIENTS) && $(GO) test -count=1 $(CLIENTTEST) .

fuzz: ## let every fuzz target run, a minute together; FUZZTIME=3600 is an hour
	internal/tools/fuzz.sh $(or $(FUZZTIME),60)

lint: ## formatting, vet, staticcheck, go fix, go.mod, shell scripts: silent when all is well
	internal/tools/deps.sh lint
	internal/tools/gotools.sh $(TOOLS) gofumpt staticcheck
	internal/tools/quiet.sh $(TOOLS)/gofumpt -l .
	$(GO) vet ./...
	$(TOOLS)/staticcheck ./...
	internal/tools/quiet.sh $(GO) fix -diff ./...
	internal/tools/quiet.sh $(GO) mod tidy -diff
	cd $(CLIENTS) && $(GO) vet . && $(TOOLS)/staticcheck .
	cd $(CLIENTS) && $(CURDIR)/internal/tools/quiet.sh $(GO) fix -diff .
	cd $(CLIENTS) && $(CURDIR)/internal/tools/quiet.sh $(GO) mod tidy -diff
	shellcheck -x internal/tools/*.sh .ci/run

fmt: ## format, and apply what go fix says
	internal/tools/gotools.sh $(TOOLS) gofumpt
	$(GO) fix ./...
	$(TOOLS)/gofumpt -w .

bench: ## Levee beside nginx, HAProxy, Varnish, Caddy and Envoy, the headline cases in some six minutes; COMPARE="-case all" takes flags, -help lists them
	internal/tools/deps.sh bench
	ulimit -n "$$(ulimit -Hn)" && $(GO) run ./bench/compare $(COMPARE)

bench-envoy: ## put Envoy's binary where make bench finds it
	internal/tools/envoy.sh bin/peers

microbench: ## every Go benchmark, briefly; BENCH=… picks some, BENCHTIME=… takes longer
	$(GO) test -run '^$$' -bench '$(or $(BENCH),.)' -benchmem -benchtime $(or $(BENCHTIME),200ms) ./...

storm: ## the adaptive limit over real HTTP: eight storms through levee run, seven minutes; STORM="-runs 3" takes flags, -help lists them
	$(GO) run ./bench/storm $(STORM)

expiry: ## 100,000 cached answers expire at one moment, over real HTTP: what refreshes take, and what others wait; six minutes
	LEVEE_E2E_EXPIRY=100000 $(GO) test -count=1 -v -timeout 20m -run '^TestExpiryOfManyAtOnce$$' ./internal/e2e

rehearse-limiter: ## judge the adaptive limit in simulation, against others: docs/limiter-results.md, in a quarter of an hour
	$(GO) run ./internal/rehearsal/cmd/limiter-report

rehearse-storms: ## play retry storms in simulation, with and without Levee: docs/storm-results.md, in a minute
	$(GO) run ./internal/rehearsal/cmd/storm-report

image: ## build the container image with buildah, without a daemon or a registry
	internal/tools/deps.sh image
	internal/tools/image.sh $(IMAGE) $(VERSION)

image-test: IMAGE := localhost/levee:test
image-test: image ## build the image, run it, and ask it through the proxy
	LEVEE_E2E_IMAGE=$(IMAGE) $(GO) test -count=1 -v -run '^TestImage' ./internal/e2e

tools: ## install the pinned Go tools into bin/tools
	internal/tools/gotools.sh $(TOOLS)

clean: ## remove what was built
	rm -rf bin
