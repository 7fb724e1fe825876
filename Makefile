.PHONY: setup demo test stack check bench lock clean

PY := .venv/bin/python

setup:  ## .venv with the locked packages and offhook
	@tools/setup

demo:  ## make a capture with known truth, analyse it and a real one; sets up what captures need
	@tools/setup main
	@$(PY) tools/demo.py

test: setup  ## all tests; installs what they compare with and run on
	@tools/test-programs
	@$(PY) -m offhook.main analyze tests/captures/isa-sip.pcapng >/dev/null  # compiles the kernels once
	@$(PY) -c "from schemas.framing import decode, encode; from tests.schemas.batches import rtp_batch; \
	    decode(encode('rtp.packets', rtp_batch(flows=1, seconds=1, described=1)))"  # and those of the codecs
	$(PY) -m pytest -n 2

stack: setup  ## the compose stack on a throwaway Docker engine, with kills; needs root on Debian, 4 GB of disk
	@infra/test/run

check: setup  ## style, types, arrows between rooms, clock graph, what must not be in the repository
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) tools/check_arrows.py
	$(PY) -m eventlog.clocks
	$(PY) tools/check_names.py

bench: setup  ## speed and memory, whole and by part
	@set -e; for part in benchmarks/[a-z]*.py; do \
	    name=$$(basename $$part .py); echo "== $$name"; $(PY) -m benchmarks.$$name; done

crash: setup  ## kill every part at random moments under load, 20 rounds; half an hour
	$(PY) -m tests.harness.crash --rounds 20

lock: setup  ## choose versions anew, within pyproject.toml
	$(PY) tools/lock.py

clean:
	rm -rf .venv demo build dist *.egg-info
