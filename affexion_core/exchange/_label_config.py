"""The labelling interface that Label Studio shows for exported tasks."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from affexion_core.exchange._bundle import Bundle

# Of the controls, those of Label Studio's own ratings take whole numbers from 1.
_COUNTS = ("confidence", "intensity")


def label_config(bundle: Bundle) -> str:
    """Write the interface as XML, with the controls that the exported judgements are said in."""
    lines = ["<View>", '  <Audio name="audio" value="$audio"/>']
    labels = bundle.labels()
    lines += _choices("label", labels, "single-radio")
    lines += _choices("second", labels, "select")
    reasons = sorted({made.unclear for made in bundle.judgements if made.unclear})
    lines += _choices("unclear", reasons, "select")
    for name in _COUNTS:
        if any(getattr(made, name) is not None for made in bundle.judgements):
            lines.append(f'  <Rating name="{name}" toName="audio" maxRating="5"/>')
    ranges = {scheme.name: scheme for scheme in bundle.schemes if not scheme.labels}
    for name, scheme in sorted(ranges.items()):
        lines.append(
            f'  <Number name={_quoted(name)} toName="audio" min="{scheme.low:g}" max="{scheme.high:g}" step="any"/>'
        )
    lines += ['  <TextArea name="comment" toName="audio" editable="true"/>', "</View>", ""]
    return "\n".join(lines)


def _choices(name: str, labels: tuple[str, ...] | list[str], layout: str) -> list[str]:
    if not labels:
        return []
    rows = [f"    <Choice value={_quoted(label)}/>" for label in labels]
    return [f'  <Choices name="{name}" toName="audio" choice="single" layout="{layout}">', *rows, "  </Choices>"]


def _quoted(text: str) -> str:
    """Quote a text for XML; control characters, which XML can't hold, become U+FFFD."""
    return quoteattr("".join(c if c in "\t\n\r" or " " <= c not in "\ufffe\uffff" else "\ufffd" for c in text))
