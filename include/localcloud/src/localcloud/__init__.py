"""Google Cloud's imaging services on one laptop, for the official clients."""

import warnings

# Google's clients announce the end of Python versions at import; it is not this server's news.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.api_core")
