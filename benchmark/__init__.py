"""The benchmark: gaussmix beside other packages, in one run; `make bench` prints its table."""
