"""Log lines: JSON in service, readable on a terminal; always on stderr."""

import logging
import sys

import structlog


def configure(*, quiet: bool = False) -> None:
    """Set up structlog and the standard library's logging, once a process."""
    level = logging.WARNING if quiet else logging.INFO
    terminal = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
        )
    )
    if quiet:  # a command that reports failures itself needs no second voice
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    logging.basicConfig(level=logging.ERROR if quiet else logging.WARNING, handlers=[handler])
