"""`python -m tests.grafana`: pictures of the dashboards; see screenshots.py."""

import argparse

from tests.grafana.screenshots import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", metavar="URL", help="one that scrapes a monitor already")
    main(parser.parse_args().prometheus)
