# Gaussian components before uniform noise, by R's mclust: numbers for tests/reference/test_mclust_noise.py.
# Rscript mclust_noise.R    (mclust 6.0.0, R 4.2.2; writes faithful_noise.csv and mclust_noise.json here)
library(mclust)
set.seed(0)
noise <- apply(faithful, 2, function(x) runif(100, min = min(x) - 0.1, max = max(x) + 0.1))
data <- rbind(faithful, noise)
write.csv(data, "faithful_noise.csv", row.names = FALSE)
distances <- as.matrix(dist(scale(data)))
fifth <- apply(distances, 1, function(d) sort(d)[6])
start <- list(noise = fifth > quantile(fifth, 1 - 110 / 372))
fits <- sapply(c("VVE", "VVV", "EEE", "VVI"), function(name) {
  fit <- Mclust(data, G = 2, modelNames = name, initialization = start, verbose = FALSE)
  sprintf('"%s": {"log_likelihood": %.6f, "n_parameters": %d}', name, fit$loglik, as.integer(fit$df))
})
writeLines(c("{", sprintf('"volume": %.10g,', hypvol(data)), '"fits": {', paste(fits, collapse = ",\n"), "}}"),
           "mclust_noise.json")
