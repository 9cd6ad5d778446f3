"""The subscriptions in force: read from one TOML file, and reloaded when it changes.

Decided here: the file's form, and that a faulty edit leaves what held before in force. Not here: what a subscription
means (canonical.notification).
"""

import logging
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from canonical.notification import Subscriptions
from policies.reading import PolicyError

LOOK_EVERY_SECONDS = 1.0

log = logging.getLogger("pegline.subscriptions")


class SubscriptionBook:
    """The subscriptions of a file; without one there are none. Raises PolicyError where its first reading fails."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._stamp: tuple[int, int] | None = None
        self._look_at = clock() + LOOK_EVERY_SECONDS
        self._held, self.faults = Subscriptions(), ()
        if path is not None:
            self._stamp = _stamp(path)
            self._held = read_subscriptions(path)

    faults: tuple[str, ...]
    """Why the newest edit is not in force; empty: it is."""

    def present(self) -> Subscriptions:
        """Those in force now; looks at the file at most once a second."""
        if self._path is not None and self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_EVERY_SECONDS
            if (stamp := _stamp(self._path)) != self._stamp:
                self._stamp = stamp
                self._reload(self._path)
        return self._held

    def _reload(self, path: Path) -> None:
        try:
            self._held, self.faults = read_subscriptions(path), ()
        except PolicyError as error:
            log.error("%s is not taken up; what held before holds:\n%s", path, error)
            self.faults = error.faults
        else:
            log.info("%s is reloaded", path)


def read_subscriptions(path: Path) -> Subscriptions:
    """The subscriptions of a file. Raises PolicyError, which names each fault; secrets are not quoted."""
    try:
        table = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise PolicyError([f"{path}: can't be read ({error.strerror}); put the file there"]) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PolicyError([f"{path}: not valid TOML: {error}"]) from error
    webhooks = table.get("webhooks")
    if isinstance(webhooks, list):
        table["webhooks"] = [_with_secrets(path, each) for each in webhooks]
    try:
        return Subscriptions.model_validate(table)
    except ValidationError as refused:
        errors = refused.errors(include_input=False, include_url=False)
        raise PolicyError([f"{path}: {_place(each['loc'])}: {each['msg']}" for each in errors]) from None


def _with_secrets(path: Path, webhook: Any) -> Any:
    """`secrets_file` names a file beside this one with a secret a line, such as one that the platform mounts."""
    if not isinstance(webhook, dict) or not isinstance(named := webhook.get("secrets_file"), str):
        return webhook
    try:
        lines = (path.parent / named).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError([f"{path}: secrets_file {named} can't be read ({error})"]) from error
    rest = {key: value for key, value in webhook.items() if key != "secrets_file"}
    return {**rest, "secrets": [*rest.get("secrets", []), *lines]}


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "subscriptions"


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
