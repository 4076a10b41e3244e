import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FEATURES = ["area_m2", "year_built", "residents", "outside_c", "solar", "fuel"]
EPOCHS = 30

torch.manual_seed(0)
data = pd.read_csv("heating.csv")
data["fuel"] = data["fuel"].map({"gas": 0, "oil": 1, "heat pump": 2})

x = data[FEATURES].to_numpy(dtype="float32")
y = data["kwh_per_day"].to_numpy(dtype="float32")
mean, std = x.mean(axis=0), x.std(axis=0)
x = (x - mean) / std

order = np.random.default_rng(0).permutation(len(x))
train, test = order[:3200], order[3200:]
batches = DataLoader(TensorDataset(torch.tensor(x[train]), torch.tensor(y[train])), batch_size=128, shuffle=True)

model = nn.Sequential(nn.Linear(len(FEATURES), 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(EPOCHS):
    for inputs, wanted in batches:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(inputs).reshape(-1), wanted).backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    error = (model(torch.tensor(x[test])).reshape(-1) - torch.tensor(y[test])).abs().mean()
print(f"mean absolute error {error:.2f} kWh per day")
torch.save(model.state_dict(), "model.pt")
