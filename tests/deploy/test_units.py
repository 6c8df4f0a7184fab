"""Compose file and systemd unit, as the programs understand them that would run them, where these are; a Space."""

import json
import re
import shutil
import subprocess

import pytest

from tests.attack.test_server import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
COMPOSE, ANALYZE = shutil.which("docker-compose"), shutil.which("systemd-analyze")


@pytest.mark.skipif(COMPOSE is None, reason="there is no docker-compose")
def test_compose_file_says_what_is_meant():
    command = [COMPOSE, "-f", str(DEPLOY / "compose.yaml"), "config"]
    environment = {"PATH": "/usr/bin:/bin", "DENOISE_HOST": "photos.example.org"}
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert not told.stderr
    app, nginx = told.stdout.split("  nginx:\n")
    assert "STREAMLIT_SERVER_ALLOWED_HOSTS: localhost photos.example.org\n" in app
    assert "read_only: true" in app
    assert "read_only: true" in nginx
    assert "ports" not in app  # nobody reaches it but by nginx


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze")
def test_systemd_finds_no_fault_in_the_unit(tmp_path):
    text = (DEPLOY / "denoise.service").read_text("utf-8")
    program = "/opt/denoise/bin/streamlit"  # which is not on this machine
    assert text.count(program) == 1
    unit = tmp_path / "denoise.service"
    unit.write_text(text.replace(program, "/bin/true"), "utf-8")
    told = subprocess.run([ANALYZE, "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (0, "")
    told = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--json=short", str(unit)], capture_output=True, text=True, check=True
    )
    checks = {check["name"]: check for check in json.loads(told.stdout)}
    for name in ("NoNewPrivileges=", "ProtectHome=", "PrivateDevices="):
        assert checks[name]["set"] is True


def test_space_is_made_of_what_the_dockerfile_needs(tmp_path):
    space = tmp_path / "space"
    subprocess.run([DEPLOY / "space.sh", "space"], cwd=tmp_path, check=True)
    dockerfile, readme = ((space / name).read_text("utf-8") for name in ("Dockerfile", "README.md"))
    head = dict(line.split(": ") for line in readme.split("---\n")[1].splitlines())
    assert (head["sdk"], head["app_port"]) == ("docker", re.search(r"EXPOSE (\d+)", dockerfile)[1])
    assert "--uid 1000 " in dockerfile
    names = ["denoise/__init__.py", "deploy/install.sh", "models/unet.tflite", ".streamlit/config.toml"]
    assert [name for name in names if (space / name).read_bytes() != (REPOSITORY / name).read_bytes()] == []
    assert not [path for path in space.rglob("*") if path.suffix in (".h5", ".pyc")]
