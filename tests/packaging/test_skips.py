"""Where skipping is forbidden, a run fails that skipped anything but what ``.ci/run`` named as missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASE = 'import pytest\n\ndef test_cluster(): pytest.skip("kube-apiserver in the folder KUBEBUILDER_ASSETS")\n'


@pytest.mark.thorough
@pytest.mark.parametrize(("forgiven", "status"), [("", 1), ("PostgreSQL", 1), ("PostgreSQL KUBEBUILDER_ASSETS", 0)])
def test_a_skipped_test_fails_the_run_unless_that_is_forgiven(tmp_path: Path, forgiven: str, status: int) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (tmp_path / "test_case.py").write_text(CASE)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")} | {
        "BACKSTAGE_PY_FORBID_SKIPS": "1",
        "BACKSTAGE_PY_MAY_LACK": forgiven,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    assert "kube-apiserver in the folder KUBEBUILDER_ASSETS (1 test skipped)" in done.stdout
