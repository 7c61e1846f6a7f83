# Writes reference fits of R mclust's MclustDA: Rscript mclust_da.R WINE.csv mclust_da.json
# Needs the Debian packages r-cran-mclust and r-cran-jsonlite; WINE.csv is scikit-learn's datasets/data/wine_data.csv.
# n_parameters is mclust 6.0.0's df, which leaves out the class proportions. Rows of a fold are held out together:
# folds[[repeat]][row] counts from 0, and errors are counts of rows. loglik is what mclust calls so, the sum of
# log p(row) over the classes; joint is the sum of log p(row, its class).
suppressMessages({library(mclust); library(jsonlite)})
data(banknote)
wine <- read.csv(commandArgs(TRUE)[1], skip = 1, header = FALSE)
problems <- list(
  iris     = list(x = as.matrix(iris[, 1:4]),    y = as.integer(iris$Species)),
  banknote = list(x = as.matrix(banknote[, -1]), y = as.integer(banknote$Status)),
  wine     = list(x = as.matrix(wine[, 1:13]),   y = as.integer(wine[, 14]) + 1L))
repeats <- 5
folds_of <- function(y, seed) {
  set.seed(seed)
  as.integer(ave(y, y, FUN = function(part) sample(rep(0:9, length.out = length(part)))))
}
errors <- function(fit, x, y) sum(as.integer(as.character(predict(fit, newdata = x)$classification)) != y)
out <- list(mclust_version = as.character(packageVersion("mclust")), problems = list())
for (name in names(problems)) {
  x <- problems[[name]]$x
  y <- problems[[name]]$y
  folds <- lapply(seq_len(repeats), function(seed) folds_of(y, seed))
  fits <- list()
  for (type in c("EDDA", "MclustDA")) {
    fit <- MclustDA(x, y, modelType = type, verbose = FALSE)
    held <- sapply(folds, function(fold) sum(sapply(0:9, function(f) {
      out <- fold == f
      errors(MclustDA(x[!out, ], y[!out], modelType = type, verbose = FALSE), x[out, , drop = FALSE], y[out])
    })))
    fits[[type]] <- list(
      loglik = fit$loglik, joint = fit$loglik + sum(log(predict(fit)$z[cbind(seq_along(y), y)])), n_parameters = fit$df, errors = errors(fit, x, y), held_out_errors = held,
      classes = unname(lapply(fit$models, function(one) list(model = one$modelName, n_components = one$G))))
    cat(name, type, fit$loglik, fit$df, errors(fit, x, y), held, "\n")
  }
  out$problems[[name]] <- list(n = nrow(x), folds = folds, fits = fits)
}
write_json(out, commandArgs(TRUE)[2], digits = 12, auto_unbox = TRUE)
