"""`python -m grafana`: writes the dashboards; `--check` only says whether they are as built."""

import sys

from grafana.build import check, write

if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit("\n".join(f"{path} is not what is built: make dashboards" for path in check()))
    write()
