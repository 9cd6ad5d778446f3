"""Logs of every process: one line per record, as text for people or as JSON for log collectors.

Every line has its time (UTC), level, logger, message, and the correlation id of the current work, if any.
"""

import logging
import logging.config
import time
from contextvars import ContextVar

from settings import LogFormat


class _WithCorrelation(logging.Filter):
    """Sets the correlation id of each record: the record's own, else that of the current work."""

    def __init__(self, correlation: ContextVar[str]) -> None:
        super().__init__()
        self._correlation = correlation

    def filter(self, record: logging.LogRecord) -> bool:
        record.correlation_id = getattr(record, "correlation_id", "") or self._correlation.get("") or "-"
        return True


class _UtcFormatter(logging.Formatter):
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    @staticmethod
    def converter(seconds: float | None) -> time.struct_time:
        return time.gmtime(seconds)


def configure(log_format: LogFormat, level: str, correlation: ContextVar[str]) -> None:
    """Send all loggers to standard error; call once per process, before anything else.

    `correlation` holds the correlation id of the current work; the process sets it.
    """
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"correlation": {"()": _WithCorrelation, "correlation": correlation}},
            "formatters": {
                "text": {
                    "()": _UtcFormatter,
                    "format": "%(asctime)s %(levelname)s %(name)s [%(correlation_id)s] %(message)s",
                },
                "json": {
                    "()": "pythonjsonlogger.json.JsonFormatter",
                    "format": "%(levelname)s %(name)s %(message)s %(correlation_id)s",
                    "timestamp": "time",
                    "rename_fields": {"levelname": "level", "name": "logger"},
                },
            },
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stderr",
                    "formatter": str(log_format),
                    "filters": ["correlation"],
                }
            },
            "root": {"handlers": ["stderr"], "level": level},
            # They log each call at INFO; the traces show calls better.
            "loggers": {"httpx": {"level": "WARNING"}, "uvicorn.access": {"level": "WARNING"}},
        }
    )
