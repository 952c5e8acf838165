"""``python -m rca``."""

from rca.cli import main

if __name__ == "__main__":
    main()
