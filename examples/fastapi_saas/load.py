"""Ask more than the plans allow, all at once, and count what was let through.

`python examples/fastapi_saas/load.py` starts the product in two processes on a database of its own;
with `--url` it asks one that runs.  It exits with 1 where anything beyond a limit was let through.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXAMPLES = Path(__file__).resolve().parent.parent


class Answer(NamedTuple):
    """What one request was answered; `code` is empty where it was let through."""

    tenant: str
    feature: str
    status: int
    code: str
    seconds: float


async def ask(client: httpx2.AsyncClient, tenant: dict[str, Any], feature: str, n: int) -> Answer:
    method, path = ("POST", f"/projects/p{n}") if feature == "projects" else ("GET", "/projects")
    headers = {"host": tenant["host"], "x-api-key": tenant["key"]}
    begun = time.perf_counter()
    answer = await client.request(method, path, headers=headers)
    seconds = time.perf_counter() - begun
    code = "" if answer.is_success else answer.json()["error"]["code"]
    return Answer(tenant["host"], feature, answer.status_code, code, seconds)


async def load(url: str, tenants: int, requests: int, callers: int) -> dict[str, Any]:
    """Have each tenant ask for projects, then for the API, from many callers at once."""
    limits = httpx2.Limits(max_connections=callers)
    async with httpx2.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        signing = [client.post(f"/signup/load-{secrets.token_hex(6)}") for _ in range(tenants)]
        known = [(await each).raise_for_status().json() for each in signing]
        turns = asyncio.Semaphore(callers)

        async def one(tenant: dict[str, Any], feature: str, n: int) -> Answer:
            async with turns:
                return await ask(client, tenant, feature, n)

        answers: list[Answer] = []
        begun = time.perf_counter()
        for feature, count in (("projects", max(1, requests // 10)), ("apiRequests", requests)):
            asked = [one(tenant, feature, n) for n in range(count) for tenant in known]
            answers += await asyncio.gather(*asked)
        seconds = time.perf_counter() - begun
    return report(known, answers, seconds)


def report(
    tenants: Sequence[dict[str, Any]], answers: Sequence[Answer], took: float
) -> dict[str, Any]:
    """Compare what was let through with the limits, tenant by tenant."""
    rows = []
    for feature in ("projects", "apiRequests"):
        # Whatever succeeds is an API request; what makes a project is a project besides.
        mine = [each for each in answers if feature in {"apiRequests", each.feature}]
        allowed = Counter(each.tenant for each in mine if each.code == "")
        limits = {each["host"]: each["limits"][feature] for each in tenants}
        rows.append(
            {
                "feature": feature,
                "asked": len(mine),
                "limit": sum(limits.values()),
                "allowed": allowed.total(),
                "denied": dict(Counter(f"{each.status} {each.code}" for each in mine if each.code)),
                "over": sum(max(0, allowed[host] - limit) for host, limit in limits.items()),
            }
        )
    ordered = sorted(each.seconds * 1000 for each in answers)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    found = {
        name: round(ordered[int(share * (len(ordered) - 1))], 1) for name, share in shares.items()
    }
    rate = round(len(answers) / took, 1)
    return {"limits": rows, "requests": len(answers), "per_second": rate, "milliseconds": found}


def table(found: dict[str, Any]) -> str:
    lines = [f"{'feature':<14}{'asked':>8}{'limit':>8}{'allowed':>9}{'over':>6}  denied"]
    for row in found["limits"]:
        denied = ", ".join(f"{count} × {code}" for code, count in row["denied"].items())
        figures = f"{row['asked']:>8}{row['limit']:>8}{row['allowed']:>9}{row['over']:>6}"
        lines.append(f"{row['feature']:<14}{figures}  {denied}")
    times = ", ".join(f"{name} {each}" for name, each in found["milliseconds"].items())
    lines.append(f"{found['requests']} requests, {found['per_second']} a second; ms: {times}")
    return "\n".join(lines)


@contextmanager
def served(processes: int) -> Iterator[str]:
    """Serve the product from a few processes, on DATABASE_URL or a new SQLite file."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = ["uvicorn", "--app-dir", str(EXAMPLES), "fastapi_saas.app:app"]
        options = ["--port", str(port), "--workers", str(processes), "--log-level", "critical"]
        own = {"DATABASE_URL": f"sqlite:///{folder}/load.db"}
        server = subprocess.Popen(  # noqa: S603 - this interpreter and this folder
            [sys.executable, "-m", *command, *options],
            env=own | dict(os.environ),
            stderr=subprocess.DEVNULL,
        )
        try:
            yield awaited(f"http://127.0.0.1:{port}", server)
        finally:
            server.terminate()
            server.wait()


def awaited(url: str, server: subprocess.Popen[bytes]) -> str:
    for _ in range(600):
        try:
            if httpx2.get(f"{url}/api/v1/plans").is_success:
                return url
        except httpx2.TransportError:
            if server.poll() is not None:
                break
        time.sleep(0.1)
    raise SystemExit(
        "the product did not start: see `uvicorn --app-dir examples fastapi_saas.app:app`"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask more than the plans allow, all at once.")
    parser.add_argument("--url", help="of a product that runs; else it is started")
    parser.add_argument("--processes", type=int, default=2, help="to start it in")
    parser.add_argument("--tenants", type=int, default=4)
    parser.add_argument("--requests", type=int, default=150, help="of the API, for each tenant")
    parser.add_argument("--callers", type=int, default=16, help="that ask at the same time")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    amounts = given.tenants, given.requests, given.callers
    if given.url:
        found = asyncio.run(load(given.url, *amounts))
    else:
        with served(given.processes) as url:
            found = asyncio.run(load(url, *amounts))
    print(json.dumps(found) if given.json else table(found))
    return int(any(row["over"] for row in found["limits"]))


if __name__ == "__main__":
    sys.exit(main())
