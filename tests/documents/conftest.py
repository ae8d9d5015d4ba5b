"""What the documents' tests share with those of the operators."""

from tests.contract.conftest import start_cloud

__all__ = ["start_cloud"]
