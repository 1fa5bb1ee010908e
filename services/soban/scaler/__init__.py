"""The scaler: KEDA's external scaler over the load that generation tells."""
