"""The network of `_training_plain.py` in Keras, padding seen as there; the caller chooses the backend."""

import keras
import numpy as np
from keras import layers

MAX_LEN, N_FEATURES, N_LABELS, BATCH_SIZE = 1000, 75, 4, 16


def network():
    frames = keras.Input((MAX_LEN, N_FEATURES))
    x = layers.Concatenate()([layers.Conv1D(64, size, padding="same")(frames) for size in (3, 5, 7)])
    x = layers.Dropout(0.2)(layers.BatchNormalization()(x))
    for _ in range(2):
        x = layers.Bidirectional(layers.LSTM(128, return_sequences=True))(x)
    query, key, value = (layers.Dense(256)(x) for _ in range(3))
    x = layers.GlobalAveragePooling1D()(layers.Attention(use_scale=False)([query / 16.0, value, key]))
    x = layers.Dropout(0.3)(layers.Dense(128, activation="relu")(x))
    return keras.Model(frames, layers.Dense(N_LABELS)(x))


def padded(clips):
    """Normalise by channel, cut and pad, as the script does."""
    frames = np.concatenate(clips)
    mean, std = frames.mean(0), frames.std(0)
    inputs = np.zeros((len(clips), MAX_LEN, N_FEATURES), np.float32)
    for row, clip in enumerate(clips):
        inputs[row, : len(clip)] = (clip[:MAX_LEN] - mean) / std
    return inputs


class Training:
    def __init__(self, clips, labels):
        keras.utils.set_random_seed(0)
        self.model = network()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.Adam(1e-3), loss)
        self.inputs, self.labels = padded(clips), np.array(labels)

    def epoch(self):
        self.model.fit(self.inputs, self.labels, BATCH_SIZE, epochs=1, verbose=0)
