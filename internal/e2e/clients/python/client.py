"""Makes one request with urllib3; fails unless it is answered with 200 in the end.

Usage: client.py version | default URL | forced URL
"""

import sys

import urllib3

if sys.argv[1] == "version":
    print(urllib3.__version__)
    sys.exit()

retries = urllib3.util.Retry.DEFAULT
if sys.argv[1] == "forced":
    retries = urllib3.util.Retry(
        total=3, backoff_factor=0.1, status_forcelist=[429, 500, 502, 503, 504]
    )
answer = urllib3.PoolManager().request("GET", sys.argv[2], retries=retries)
if answer.status != 200:
    sys.exit("status {}".format(answer.status))
