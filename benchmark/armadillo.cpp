// Runs Armadillo's EM from a given start, a number of iterations at a time.
//
// Without arguments it prints Armadillo's version. Arguments: file of rows (float64, row-major), N, D, K, "full" or "diag".
// Reads from standard input: weights (K), means (K*D), covariances (K*D*D or K*D), all float64; then, again and
// again, a line with a number of iterations. Answers each with the seconds taken and the fitted parameters, in the
// same order, on one line.

#include <armadillo>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

namespace {

arma::mat read_rows(const char* path, arma::uword n_rows, arma::uword n_features) {
    arma::mat X(n_features, n_rows);  // Armadillo's samples are columns: the same bytes
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(X.memptr()), static_cast<std::streamsize>(X.n_elem * sizeof(double)));
    return X;
}

template <typename Array>
void read_numbers(Array& array) {
    for (arma::uword i = 0; i < array.n_elem; ++i) std::cin >> array(i);
}

template <typename Array>
void write_numbers(const Array& array) {
    for (arma::uword i = 0; i < array.n_elem; ++i) std::printf(" %.17g", double(array(i)));
}

template <typename Model, typename Covariances>
int serve(const arma::mat& X, arma::uword K, Covariances covariances) {
    arma::rowvec weights(K);
    arma::mat means(X.n_rows, K);
    read_numbers(weights);
    read_numbers(means);
    read_numbers(covariances);
    arma::uword iterations = 0;
    while (std::cin >> iterations) {
        Model model;
        model.set_params(means, covariances, weights);
        const auto start = std::chrono::steady_clock::now();
        const bool done = model.learn(X, K, arma::maha_dist, arma::keep_existing, 0, iterations, 1e-30, false);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        std::printf("%.9f", done ? seconds.count() : -1.0);
        write_numbers(model.hefts);
        write_numbers(model.means);
        if constexpr (std::is_same_v<Model, arma::gmm_full>) write_numbers(model.fcovs);
        else write_numbers(model.dcovs);
        std::printf("\n");
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace

int main(int n_arguments, char** arguments) {
    if (n_arguments < 6) {
        std::cout << arma::arma_version::as_string() << std::endl;
        return 0;
    }
    const arma::uword N = std::stoull(arguments[2]), D = std::stoull(arguments[3]), K = std::stoull(arguments[4]);
    const arma::mat X = read_rows(arguments[1], N, D);
    if (arguments[5] == std::string("full")) return serve<arma::gmm_full>(X, K, arma::cube(D, D, K));
    return serve<arma::gmm_diag>(X, K, arma::mat(D, K));
}
