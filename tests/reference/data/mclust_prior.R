# Writes reference fits of R mclust with its default conjugate prior: Rscript mclust_prior.R mclust_prior.json
# Needs the Debian packages r-cran-mclust and r-cran-jsonlite. loglik is the likelihood's, without the prior's part.
suppressMessages({library(mclust); library(jsonlite)})
data(faithful)
problems <- list(iris = list(x = as.matrix(iris[, 1:4]), k = 3), faithful = list(x = as.matrix(faithful), k = 2),
                 waiting = list(x = as.matrix(faithful$waiting), k = 2))
out <- list(mclust_version = as.character(packageVersion("mclust")), fits = list())
for (name in names(problems)) {
  x <- problems[[name]]$x; k <- problems[[name]]$k
  models <- if (ncol(x) == 1) c("E", "V") else c("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "EEV", "VEV", "VVV")
  for (m in models) {
    fit <- Mclust(x, G = k, modelNames = m, prior = priorControl(), verbose = FALSE,
                  control = emControl(tol = c(1e-12, 1e-12), itmax = c(100000, 1000)))
    p <- fit$parameters
    sigma <- if (ncol(x) == 1) rep_len(p$variance$sigmasq, k) else aperm(p$variance$sigma, c(3, 1, 2))
    out$fits[[length(out$fits) + 1]] <- list(problem = name, n_components = k, model = m, loglik = fit$loglik,
      n_parameters = fit$df, weights = p$pro, means = if (ncol(x) == 1) matrix(p$mean) else t(p$mean),
      covariances = sigma, scale = defaultPrior(x, G = k, modelName = m)$scale)
  }
}
write_json(out, commandArgs(TRUE)[1], digits = 12, auto_unbox = TRUE)
