"""The figures of the cohort: frames of `leuko.cohort` in, Plotly figures as plain dicts out, one figure a module.

The sentence of a figure is its `layout.meta.alt`. The second part of a point's `customdata` is the patient it stands
for, so that a page can open him.
"""
