"""What is far away, and the copies of it on this machine. Loaded where the settings lead to S3: it takes a tenth of a
second that nobody else need spend.
"""

from .cache import open_cache
from .s3 import S3Store

__all__ = ["S3Store", "open_cache"]
