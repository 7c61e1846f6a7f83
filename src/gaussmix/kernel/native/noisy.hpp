// Rows that were measured with Gaussian noise of known covariance, one matrix a row: log-densities of the measured rows,
// and the expected moments of the rows without noise (covariance/deconvolution.py has the formulas and their source).
#pragma once

#include "incomplete.hpp"

namespace gaussmix::GAUSSMIX_ISA {

/// What one row tells about each component: its log-joint density, and its expected value and covariance without noise.
class Denoised {
public:
    Buffer<double> offset, covariance;  // E[true] - mean (D,), Cov[true] (D, D)

    Denoised(const IncompleteMixture& mixture, size_t D)
        : offset(D), covariance(D * D), mixture_(mixture), D_(D), total_(D * D),
          factors_(mixture.n_components * D * D), whites_(mixture.n_components * D), gain_(D * D), difference_(D) {}

    template <class T>
    double log_joint(const T* row, const double* noise, size_t k) {
        const double *mean = mixture_.means + k * D_, *own = matrix(k);
        double *factor = factors_ + k * D_ * D_, *whitened = whites_ + k * D_;
        for (size_t i = 0; i < D_ * D_; ++i) total_[i] = own[i] + noise[i];
        double log_determinant;
        bool ok;
        precision_cholesky(total_, 1, D_, factor, &log_determinant, &ok);
        if (!ok) log_determinant = 0;  // as of a singular matrix elsewhere: it is about to be raised
        double squared = 0;
        for (size_t a = 0; a < D_; ++a) difference_[a] = double(row[a]) - mean[a];
        for (size_t i = 0; i < D_; ++i) {
            double white = 0;
            for (size_t a = 0; a <= i; ++a) white += factor[i * D_ + a] * difference_[a];
            whitened[i] = white;
            squared += white * white;
        }
        if (!(squared < 1e300)) squared = 1e300;
        return mixture_.log_weights[k] - 0.5 * (log_determinant + double(D_) * kLog2PiOfRow + squared);
    }

    /// Sets offset and covariance of component k, whose log_joint must have been asked for.
    void denoise(size_t k) {
        const double *own = matrix(k), *whitened = whites_ + k * D_;
        multiply_transposed(own, factors_ + k * D_ * D_, D_, D_, D_, gain_);  // Sigma L^T
        for (size_t i = 0; i < D_; ++i) {
            double sum = 0;
            for (size_t a = 0; a < D_; ++a) sum += gain_[i * D_ + a] * whitened[a];
            offset[i] = sum;
        }
        multiply_transposed(gain_, gain_, D_, D_, D_, covariance);
        for (size_t i = 0; i < D_ * D_; ++i) covariance[i] = own[i] - covariance[i];
    }

private:
    const double* matrix(size_t k) const {
        return mixture_.covariances + (mixture_.n_matrices == 1 ? 0 : k * D_ * D_);
    }

    const IncompleteMixture& mixture_;
    size_t D_;
    Buffer<double> total_, factors_, whites_, gain_, difference_;
};

/// out (n_rows, K), in nats; noise (n_rows, D, D).
template <class T>
void noisy_log_joint(const Rows<T>& rows, const double* noise, const IncompleteMixture& mixture, double* out) {
    const size_t D = rows.n_features, K = mixture.n_components;
    Denoised row(mixture, D);
    for (size_t i = 0; i < rows.n_rows; ++i)
        for (size_t k = 0; k < K; ++k) out[i * K + k] = row.log_joint(rows.x + i * D, noise + i * D * D, k);
}

/// Overwrites out = [log-likelihood, weight, count, first, second (K, D, D)], about the means.
template <class T>
void noisy_moments(const Rows<T>& rows, const double* noise, const IncompleteMixture& mixture, bool hard, double* out) {
    const size_t D = rows.n_features, K = mixture.n_components;
    double *count = out + 2, *first = count + K, *second = first + K * D;
    for (size_t i = 0; i < 2 + K + K * D + K * D * D; ++i) out[i] = 0;
    Denoised row(mixture, D);
    Buffer<double> shares(K);
    for (size_t i = 0; i < rows.n_rows; ++i) {
        const double weight = rows.weight ? rows.weight[i] : 1.0;
        if (!(weight > 0)) continue;
        const T* x = rows.x + i * D;
        const double* own_noise = noise + i * D * D;
        for (size_t k = 0; k < K; ++k) shares[k] = row.log_joint(x, own_noise, k);
        out[0] += weight * responsibilities_of(shares, K, hard);
        out[1] += weight;
        for (size_t k = 0; k < K; ++k) {
            const double share = weight * shares[k];
            if (!(share > 0)) continue;
            row.denoise(k);
            count[k] += share;
            for (size_t a = 0; a < D; ++a) {
                first[k * D + a] += share * row.offset[a];
                for (size_t b = 0; b < D; ++b)
                    second[(k * D + a) * D + b] += share * (row.offset[a] * row.offset[b] + row.covariance[a * D + b]);
            }
        }
    }
}

}  // namespace gaussmix::GAUSSMIX_ISA
