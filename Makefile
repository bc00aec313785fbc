# The short commands; each sets up what it needs. CMake presets and ctest work as well.
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
RUN_DATA ?= build/run-data
SOURCES = $(shell git ls-files '*.cpp' '*.h')

.PHONY: help build run test test-build bench quality format format-check fuzz clean install-deps install
help:
	@echo "make build         build/release/picket"
	@echo "make run           picket on the sample archive, API and console on 127.0.0.1:7788; Ctrl-C stops it"
	@echo "make test          everything CI does"
	@echo "make bench         speed against the limit of the machine, into build/bench"
	@echo "make quality       recall and false alarms: a simulated organisation and the public sets in DATA=, into bench/QUALITY.md"
	@echo "make fuzz          every fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS) (clang-19)"
	@echo "make format        clang-format-19 over the tree; make format-check only looks"
	@echo "make install       to PREFIX=/usr/local: binary, man page, completions"
	@echo "make install-deps  the distribution's packages for all of these"
	@echo "make clean         remove build/"

# A stamp a group, so that packages are looked at again only when the list changes.
build/.packages-%: scripts/packages.txt scripts/install_deps.sh
	@scripts/install_deps.sh $*
	@mkdir -p build && touch $@

build: build/.packages-build build/.packages-optional
	@test -f build/release/CMakeCache.txt || cmake --preset release -DPICKET_TESTS=OFF -DPICKET_BENCH=OFF
	@cmake --build build/release --target picket -j $(JOBS)

run: build
	@build/release/picket serve --config samples/picket.toml --data-dir $(RUN_DATA)

# The sanitizers' build has only what reads foreign bytes; the test "sanitizers" runs it.
test-build: build/.packages-build build/.packages-optional build/.packages-test build/.packages-browser
	@cmake --preset release -DPICKET_TESTS=ON -DPICKET_BENCH=ON
	@cmake --build build/release -j $(JOBS)
	@cmake --preset asan
	@cmake --build build/asan --target sanitized -j $(JOBS)

test: test-build
	@ctest --test-dir build/release --output-on-failure --no-tests=error -j $(JOBS)

bench: build/.packages-build build/.packages-optional build/.packages-test
	@cmake --preset release -DPICKET_TESTS=ON -DPICKET_BENCH=ON
	@cmake --build build/release -j $(JOBS)
	@python3 bench/run.py

quality: build
	@python3 bench/quality.py $(DATA)

format: build/.packages-format
	@clang-format-19 -i $(SOURCES)

format-check: build/.packages-format
	@clang-format-19 --dry-run --Werror $(SOURCES)

fuzz: build/.packages-build build/.packages-optional build/.packages-fuzz
	@cmake --preset fuzz
	@cmake --build build/fuzz -j $(JOBS)
	@scripts/fuzz.sh build/fuzz/fuzz $(FUZZ_SECONDS)

install-deps: build/.packages-build build/.packages-optional build/.packages-test build/.packages-browser build/.packages-format build/.packages-fuzz

install: build
	@cmake --install build/release --prefix $(or $(PREFIX),/usr/local) --strip

clean:
	@rm -rf build
