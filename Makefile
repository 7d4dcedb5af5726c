# make reproduce | test | lab | bench; PROFILE=smoke|small|small-gpu|rehearsal|paper, DATA=folder of the data sets,
# ONLY="05 06", SCHEDULER=tcp://host:8786 (dask's, whose workers compute), LAB=--allow-root (JupyterLab as root, in a container)
PROFILE ?= smoke
BASE := $(firstword $(shell command -v python3.11 python3.12 python3.13 python3 2>/dev/null))
PYTHON := .venv/bin/python

# The shell reads these from its environment and never as code: blanks, quotes, $ and ; stay what they are.
override export PROFILE := $(value PROFILE)
override export DATA := $(value DATA)
override export ONLY := $(value ONLY)
override export SCHEDULER := $(value SCHEDULER)
override export LAB := $(value LAB)

.PHONY: reproduce test lab bench clean
reproduce: .venv/done
	@set -f; $(PYTHON) -m asglib reproduce --profile "$$PROFILE" $${DATA:+--data "$$DATA"} $${ONLY:+--only $$ONLY} \
	  $${SCHEDULER:+--scheduler "$$SCHEDULER"}
	@echo "Read reports/html/$${PROFILE%%:*}/index.html"

# The notebooks run in tests/test_notebooks.py through nbval, on runs that stay in runs/ for make reproduce.
test: .venv/done
	$(PYTHON) -m pytest tests -n auto --dist loadfile --no-loadscope-reorder

# JupyterLab's kernels start in notebooks/, so a relative folder is made absolute here.
lab: .venv/done
	@data="$${DATA:-$$ASG_DATA}"; \
	if [ -n "$$data" ]; then ASG_DATA=$$(CDPATH= cd -- "$$data" && pwd) && export ASG_DATA || exit 2; fi; \
	set -f; $(PYTHON) -m jupyterlab notebooks $$LAB

bench: .venv/done
	$(PYTHON) benchmarks/bench.py --out reports/benchmarks.md

.venv/done: requirements.txt pyproject.toml
	@$(BASE) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, $(BASE) is older; install python3.11."; exit 1; }
	$(BASE) -m venv .venv || { echo "The venv module is missing; install python3-venv."; exit 1; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

clean:
	rm -rf .venv runs reports/html/smoke
