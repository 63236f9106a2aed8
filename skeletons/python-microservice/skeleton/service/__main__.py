"""`python -m service`: runs the service until it is told to stop."""

import logging
import signal
import sys

from pydantic import ValidationError

from service import logs
from service.app import create_app
from service.server import Server, listen
from service.settings import Settings


def main() -> int:
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            print(f"{str(problem['loc'][0]).upper()}: {problem['msg']}", file=sys.stderr)  # noqa: T201
        return 2
    logs.configure(settings)
    listener = listen(settings.port)
    address = "[{}]:{}".format(*listener.getsockname())
    logging.getLogger(__name__).info("listening", extra={"address": address})
    for name in (signal.SIGTERM, signal.SIGINT):  # before the server is there, and after it is gone
        signal.signal(name, lambda *_: sys.exit(0))
    Server(create_app(settings), settings).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
