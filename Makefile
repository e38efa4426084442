# The commands of the Trusted Packaging Index. `make serve` and `make test` need nothing but Python 3.11+ and git.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
JOBS ?= 2
APT_TEST := postgresql-15 nginx redis-server haproxy chromium fonts-dejavu-core libldap-dev libsasl2-dev gcc python3-dev \
	slapd ldap-utils samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind \
	ceph-mon ceph-osd radosgw ceph-common \
	prometheus systemd podman iproute2
PYTEST := $(BIN)/pytest -n $(JOBS) --dist loadgroup --no-loadscope-reorder

.PHONY: serve test check bench simulate image format lock clean install install-test soak translations

serve: install
	@exec $(BIN)/python -m tpi_site.serve

install: $(STAMP)-run
install-test: $(STAMP)-test $(STAMP)-clients $(STAMP)-deploy $(STAMP)-peers

$(BIN)/python:
	@sh deploy/make-venv.sh $(PYTHON) $(VENV)

$(STAMP)-run: $(BIN)/python deploy/requirements.lock deploy/requirements-ldap.lock
	@sh deploy/install.sh $(VENV) deploy/requirements.lock
	@sh deploy/install-ldap.sh $(VENV)
	@touch $@

$(STAMP)-test: $(STAMP)-run deploy/requirements-test.lock
	@sh deploy/install.sh $(VENV) deploy/requirements-test.lock
	@touch $@

$(STAMP)-clients: $(BIN)/python deploy/requirements-clients.lock
	@sh deploy/make-venv.sh $(PYTHON) .venv-clients
	@sh deploy/install.sh .venv-clients deploy/requirements-clients.lock
	@touch $@

$(STAMP)-deploy: $(BIN)/python deploy/requirements-deploy.lock
	@sh deploy/make-venv.sh $(PYTHON) .venv-deploy
	@sh deploy/install.sh .venv-deploy deploy/requirements-deploy.lock
	@touch $@

$(STAMP)-peers: $(BIN)/python deploy/requirements-peers.lock
	@sh deploy/make-venv.sh $(PYTHON) .venv-peers
	@sh deploy/install.sh .venv-peers deploy/requirements-peers.lock
	@touch $@

$(STAMP)-apt:
	@mkdir -p $(VENV)
	@sh deploy/install-debian.sh $(APT_TEST)
	@touch $@

test: install-test
	@sh deploy/install-debian.sh $(APT_TEST)
	$(PYTEST)
	TPI_TEST_DATABASE=postgresql $(PYTEST) -m database

check: $(STAMP)-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --deploy --fail-level ERROR
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

bench: install-test
	$(BIN)/python -m tests.bench

simulate: $(STAMP)-test
	$(BIN)/python -m tests.simulate --to docs/mirror-sites-simulation.md

soak: install-test
	$(BIN)/python -m tests.soak.serials
	$(BIN)/python -m tests.soak.kills
	$(BIN)/python -m tests.soak.traffic
	$(BIN)/python -m tests.soak.chaos
	$(BIN)/python -m tests.soak.replication

image: install-test
	@sh deploy/install-debian.sh mmdebstrap buildah podman runc uidmap netavark
	$(BIN)/python -m tests.deploy.image

format: $(STAMP)-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(BIN)/python
	@sh deploy/lock.sh $(BIN)/uv

clean:
	rm -rf .venv .venv-clients .venv-deploy .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis
