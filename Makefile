# The commands of this project. Environments are made from hashed locks, and made again only when a
# lock has changed.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-builtin-rules --no-print-directory

PYTHON ?= python3.11
export PYTHON

airflow     := .venvs/airflow/.installed
localcloud  := .venvs/localcloud/.installed
modelserver := .venvs/modelserver/.installed
training    := .venvs/training/.installed
judges      := .venvs/judges/.installed
peers       := .venvs/peers/.installed
python      := .venvs/airflow/bin/python
trainer     := .venvs/training/bin/python
stack       := PYTHONPATH=include $(python) -m stack
checked     := dags plugins include tests tools

.PHONY: help install up down status demo test standalone rules bench-localcloud bench-pixels bench-series eval-text models eval-models check format lock clean

help:
	@echo 'make install   make the environments below .venvs/'
	@echo 'make demo      run the sample studies from bucket to report, then stop'
	@echo 'make up        start the local cloud and Airflow'
	@echo 'make status    say what is running and healthy'
	@echo 'make down      stop what make up started'
	@echo 'make test      run the tests                 ARGS="tests/core -x" narrows them'
	@echo 'make standalone  test the local cloud in a folder where it is alone'
	@echo 'make rules     list the documented rules of Google that the local cloud is tested for'
	@echo 'make bench-localcloud   measure the local cloud beside its peers'
	@echo 'make bench-pixels       measure how fast images become pictures'
	@echo 'make bench-series       measure the time and the memory that a whole series takes'
	@echo 'make eval-text   measure how much burned-in text is found, and what is masked in vain'
	@echo 'make models    train the models of the model server again   ARGS=--check compares the bytes'
	@echo 'make eval-models   measure what the models find on phantoms they never saw'
	@echo 'make check     lint, formatting and types'
	@echo 'make format    apply the formatting and the safe fixes'
	@echo 'make lock      resolve the requirements      ARGS=--upgrade moves the pins'
	@echo 'make clean     stop, and remove state and results; environments stay'

install: $(airflow) $(localcloud) $(modelserver) $(judges)

up: $(airflow) $(localcloud) $(modelserver)
	@$(stack) up

down: $(airflow)
	@$(stack) down

status: $(airflow)
	@$(stack) status

demo: $(airflow) $(localcloud) $(modelserver)
	@$(stack) demo

test: install
	@PATH="$$PATH:$(CURDIR)/.venvs/judges/bin" $(python) -m pytest --numprocesses 2 --dist loadgroup $(ARGS)

standalone: .venvs/uv/.installed
	@tools/standalone $(ARGS)

rules: install
	@$(python) -W ignore -m tools.rules $(ARGS)

bench-localcloud: $(airflow) $(localcloud) $(peers)
	@$(python) -W ignore -m tools.bench

bench-pixels: $(airflow)
	@PYTHONPATH=plugins $(python) -m tools.bench_pixels $(ARGS)

bench-series: $(airflow) $(localcloud) $(modelserver)
	@PYTHONPATH=plugins:include $(python) -W ignore -m tools.bench_series $(ARGS)

eval-text: $(airflow)
	@PYTHONPATH=plugins:include $(python) -m tools.eval_text $(ARGS)

models: $(training)
	@PYTHONPATH=include/modelserver:include $(trainer) -m training $(ARGS)

eval-models: $(training)
	@PYTHONPATH=include/modelserver:include $(trainer) -m tools.eval_models $(ARGS)

check: $(airflow)
	@$(python) -m ruff check $(checked)
	@$(python) -m ruff format --check $(checked)
	@$(python) -m mypy

format: $(airflow)
	@$(python) -m ruff check --fix $(checked)
	@$(python) -m ruff format $(checked)

lock: .venvs/uv/.installed
	@tools/lock $(ARGS)

clean:
	@if [ -e $(airflow) ]; then $(stack) down; fi
	@rm -rf .wetread build .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venvs/uv/.installed: requirements-bootstrap.lock
	@tools/environment uv

$(airflow): .venvs/uv/.installed requirements.lock requirements-dev.lock pyproject.toml
	@tools/environment airflow

$(localcloud): .venvs/uv/.installed include/localcloud/requirements.lock include/localcloud/pyproject.toml
	@tools/environment localcloud

$(modelserver): .venvs/uv/.installed include/modelserver/requirements.lock include/modelserver/pyproject.toml
	@tools/environment modelserver

$(training): .venvs/uv/.installed include/modelserver/requirements-training.lock include/modelserver/pyproject.toml
	@tools/environment training

$(judges): .venvs/uv/.installed requirements-judges.lock
	@tools/environment judges

$(peers): .venvs/uv/.installed requirements-peers.lock
	@tools/environment peers
