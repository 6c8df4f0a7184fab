"""What the page says of an upload that the server, or one in front of it, has refused."""

import shutil
import socket
import subprocess
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from denoise.image import Photo, encode
from denoise.ui import texts
from tests.e2e.conftest import DESKTOP, PATIENCE, RESULT_TIMEOUT, wait_for_server

CONFIGURATION = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {url}; proxy_http_version 1.1; proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    }}
  }}
}}
"""


def photo(side):
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return {"name": "photo.png", "mimeType": "image/png", "buffer": encode(Photo(pixels))}


def assert_said(page, status):
    words = page.locator(".trouble:not([hidden])").first
    words.wait_for(timeout=RESULT_TIMEOUT)
    assert words.text_content() == texts.REFUSALS[status]


def refuse(status, route, _request):
    route.fulfill(status=status, body="<html>")


def test_reason_is_said(tabs, server_url):
    page = tabs.take(DESKTOP, {})  # not `visit`: Streamlit complains of the refusals
    page.goto(server_url)
    chooser = page.locator("input[type=file]").first
    chooser.wait_for(state="attached", timeout=RESULT_TIMEOUT)
    for status in ("413", "507"):
        page.route("**/upload_file/**", partial(refuse, int(status)))
        chooser.set_input_files(photo(20))
        page.get_by_text(texts.REFUSALS[status]).wait_for(timeout=RESULT_TIMEOUT)
        assert_said(page, status)
    tabs.give_back([page])


@contextmanager
def proxied(url, folder):
    """Run nginx before the server, which takes 1 MB of a file unless it is told otherwise; give its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "conf").write_text(CONFIGURATION.format(folder=folder, url=url, port=port))
    proxy = subprocess.Popen(["nginx", "-c", f"{folder}/conf"])
    try:
        wait_for_server(proxy, f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        proxy.terminate()
        proxy.wait()


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_reason_is_said_behind_nginx(browser, server_url, tmp_path):
    with proxied(server_url, tmp_path) as url, browser.new_context() as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(url)
        chooser = page.locator("input[type=file]").first
        chooser.wait_for(state="attached", timeout=RESULT_TIMEOUT)
        chooser.set_input_files(photo(1000))
        assert_said(page, "413")
        page.goto(f"{url}/batch")
        chooser = page.locator(".uploader input[type=file]").first
        chooser.wait_for(state="attached", timeout=RESULT_TIMEOUT)
        chooser.set_input_files(photo(1000))
        page.get_by_text(texts.REFUSALS["413"]).first.wait_for(timeout=RESULT_TIMEOUT)
