"""riskbridge: Microsoft Defender for Endpoint, mapped, identified, followed, scored and searchable.

The folder names follow the flow of data; `docs/explanation/architecture.md` draws it.
"""

__version__ = "0.1.0"
