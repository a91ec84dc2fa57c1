# shoal from a bare Debian 12, as root or with sudo:
#
#   make run     install what is missing, build, run the first experiment
#   make test    the same set-up, then all tests
#
# Also: soak, packages, data, build, bench, study, format, clang (Clang 19 with sanitizers), fuzz, clean.
BUILD ?= build
JOBS ?= $(shell nproc)
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PACKAGES := $(shell grep -v '^\#' tools/packages.txt)

.PHONY: run test soak build packages data bench study format clang fuzz clean

run: build
	$(BUILD)/shoal run examples/first.toml

test: build
	cd $(BUILD) && ctest --output-on-failure

# A million rows through every codec, then hours of kill -9, SIGSTOP, bad networks; SOAK=0.1 does a
# tenth of it, FILTER=Proxy.* some of it.
SOAK ?= 1
FILTER ?= *
soak: build
	SHOAL_SOAK=$(SOAK) $(BUILD)/codec_test --gtest_filter='$(FILTER)'
	SHOAL_SOAK=$(SOAK) SHOAL_DATA_DIR=$(abspath $(BUILD)/data) $(BUILD)/real_test \
	  --gtest_filter='$(FILTER)'

build: packages data
	@[ -f $(BUILD)/build.ninja ] || { echo "== configure"; cmake -S . -B $(BUILD) -G Ninja; }
	@echo "== build with $(JOBS) jobs"
	@cmake --build $(BUILD) -j $(JOBS)

# dpkg-query answers in milliseconds, so nothing is reinstalled when everything is there.
packages:
	@missing=$$(for p in $(PACKAGES); do \
	  dpkg-query -W -f '$${db:Status-Status}\n' $$p 2>/dev/null | grep -qx installed || echo $$p; \
	done); \
	if [ -n "$$missing" ]; then \
	  echo "== install" $$missing; \
	  $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing; \
	else echo "== packages: all there"; fi

# Two small data sets, taken from the package of scikit-learn without installing it.
data:
	@sh tools/extract_sklearn_data.sh $(BUILD)/data

bench: build
	$(BUILD)/simulator_bench

study: build
	@for name in relaysgd gossip-baselines federated-field-guide non-iid-partitions; do \
	  $(BUILD)/shoal study $$name --write docs/results/$$name.md || exit 1; done

format:
	git ls-files '*.h' '*.cc' | xargs clang-format -i

clang: packages data
	@sh tools/with_clang.sh build-clang

fuzz: packages
	@sh tools/fuzz.sh build-fuzz 60

clean:
	rm -rf build build-clang build-fuzz
