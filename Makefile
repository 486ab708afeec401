# The front door. Everything real is behind CMakePresets.json, scripts/ and tests/run.py; this file only names it.
PRESETS := host win64 win32
BUILDS := $(addprefix preset-,host clang asan tsan fuzz coverage win64 win32)
TOOLS := $(addprefix bootstrap-,build demo test lint format bench fuzz dist guest)
IMAGE ?=
TIME ?= 60

.NOTPARALLEL:
.PHONY: all third-party demo test test-long lint format bench fuzz dist coverage mutants guest guest-image clean $(BUILDS) $(TOOLS)

all: bootstrap-build $(addprefix preset-,$(PRESETS))

$(TOOLS): bootstrap-%:
	@scripts/bootstrap.sh $*

# Libraries for Windows that Debian has no mingw-w64 package for.
third-party:
	@scripts/third-party.sh

preset-win64 preset-win32: third-party

$(BUILDS): preset-%:
	@test -f build/$*/build.ninja || cmake --preset $* >/dev/null
	@cmake --build --preset $* -- --quiet

demo: bootstrap-demo $(addprefix preset-,$(PRESETS))
	@scripts/demo.sh $(if $(IMAGE),"$(IMAGE)")

test: bootstrap-test $(addprefix preset-,$(PRESETS) asan)
	@python3 tests/run.py

test-long: bootstrap-test $(addprefix preset-,$(PRESETS) asan)
	@python3 tests/run.py --long

lint: bootstrap-lint preset-host
	@scripts/lint.sh

format: bootstrap-format
	@scripts/format.sh

bench: bootstrap-bench preset-host
	@python3 bench/run.py

fuzz: bootstrap-fuzz preset-fuzz
	@scripts/fuzz.sh $(TIME)

coverage: bootstrap-test
	@scripts/coverage.sh

mutants: bootstrap-test
	@python3 tests/mutants/run.py

# On a real NT kernel in QEMU: tests/guest/README.md.
guest: bootstrap-guest preset-win32 preset-win64
	@GUEST_IMAGE="$(GUEST_IMAGE)" python3 tests/guest/run.py

guest-image: bootstrap-guest preset-win32 preset-win64
	@python3 tests/guest/image.py "$(ISO)" $(if $(OUT),"$(OUT)")

dist: bootstrap-dist $(addprefix preset-,$(PRESETS))
	@scripts/dist.sh

clean:
	rm -rf build out
