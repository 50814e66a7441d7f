"""Published equations, one function each: numpy only, no files, no coefficients.

Arguments broadcast; a leading axis of draws passes through. Missing is NaN and
stays NaN.
"""
