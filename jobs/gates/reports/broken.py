"""The one way a report can be unusable."""


class BrokenReport(ValueError):
    """The report cannot be read; the text says why and is fit for a finding."""
