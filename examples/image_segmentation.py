"""
Segmentation of an image by colour
==================================

A photograph of 270,000 pixels is a table of 270,000 rows and three columns. The colours of a mixture's
components are a palette, and each pixel takes the colour of its most probable component.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from gaussmix import GaussianMixture

image = load_sample_image("china.jpg")
pixels = image.reshape(-1, 3).astype(np.float32)  # float32 stays float32: half the memory, twice the speed

# %%
# The palette depends on colours only, so every tenth pixel is enough to fit it; all of them are labelled.

gm = GaussianMixture(n_components=6, random_state=0).fit(pixels[::10])
labels = gm.predict(pixels)

for k in np.argsort(-gm.weights_):
    red, green, blue = gm.means_[k].round().astype(int)
    print(f"{np.mean(labels == k):5.1%} of the pixels: rgb({red}, {green}, {blue})")

# %%

palette = gm.means_.clip(0, 255).astype(np.uint8)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
left.imshow(image)
right.imshow(palette[labels].reshape(image.shape))
left.set_title("as photographed")
right.set_title("in the colours of six components")
for axes in (left, right):
    axes.axis("off")
plt.show()
