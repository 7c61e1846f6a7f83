// What every build of the kernel offers to the bindings: a table of plain functions.
//
// This header is compiled once for each instruction set and once for the bindings, so it holds
// declarations only: nothing here may become code that the linker could share between builds.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gaussmix {

/// Rows of one block: x is (n_rows, n_features), C-contiguous; weight is (n_rows,) or null.
template <class T>
struct Rows {
    const T* x;
    const double* weight;
    std::size_t n_rows, n_features;
};

/// Parameters of a mixture. log_constant (K,) in nats; means (K, D); precision as the representation has it.
struct Parameters {
    std::size_t n_components;
    const double* log_constant;
    const double* means;
    const double* precision;
};

/// What evaluate() writes, row by row.
enum class Part : int { log_joint = 0, posterior = 1, log_prob = 2, labels = 3 };

/// Fused E-step and moments: overwrites out = [log-likelihood, weight, count, first, second].
template <class T>
using MomentsFunction = void (*)(const Rows<T>&, const Parameters&, bool hard, double* out);

/// One part of the E-step; out has the rows' type, or int64 for labels.
template <class T>
using EvaluateFunction = void (*)(const Rows<T>&, const Parameters&, Part, void* out);

/// Moments for given responsibilities (n_rows, K), which already contain the weights.
template <class T>
using GivenFunction = void (*)(const Rows<T>&, const double* responsibilities, const double* reference,
                               std::size_t n_components, double* out);

/// The four representations of the covariances, in the order in which the tables hold them.
enum Representation : int { dense, shared, diagonal, spherical, n_representations };

/// A mixture that whole EM iterations change in place; added_variance (D,) or null.
struct EmState {
    std::size_t n_components;
    double *weights, *means, *covariances;
    const double* added_variance;
};

/// Up to n_steps EM iterations; returns how many, having written the bound and the movement of each.
template <class T>
using EmFunction = std::size_t (*)(Representation, const Rows<T>&, const EmState&, std::size_t n_steps, double* bounds,
                                   double* movements);

/// A mixture of full covariances (K, D, D), or (1, D, D) that all components share, for rows with missing values.
struct IncompleteMixture {
    std::size_t n_components, n_matrices;
    const double *log_weights, *means, *covariances;
};

/// Expected moments of the complete rows, laid out as those of dense covariances.
template <class T>
using IncompleteMomentsFunction = void (*)(const Rows<T>&, const IncompleteMixture&, bool hard, double* out);

/// Log-joint densities of what was observed, (n_rows, K).
template <class T>
using IncompleteLogJointFunction = void (*)(const Rows<T>&, const IncompleteMixture&, double* out);

/// The same two for rows measured with noise (n_rows, D, D).
template <class T>
using NoisyMomentsFunction = void (*)(const Rows<T>&, const double* noise, const IncompleteMixture&, bool hard,
                                      double* out);
template <class T>
using NoisyLogJointFunction = void (*)(const Rows<T>&, const double* noise, const IncompleteMixture&, double* out);

/// Moments of a mixture of t distributions (student.hpp); false where they were not computed.
template <class T>
using StudentFunction = bool (*)(Representation, const Rows<T>&, const Parameters&, const double* degrees, bool hard,
                                 double* out);

/// Candidates of groups of components: those of group g are components[starts[g] .. starts[g + 1]).
struct Candidates {
    std::size_t n_groups;
    const std::int32_t* group_of;  // (K,), of a component
    const std::int64_t* starts;    // (n_groups + 1,)
    const std::int32_t* components;
};

/// One of several parts of the rows of a call: those of consecutive groups (truncated_rows.hpp).
struct Portion {
    std::size_t index, count;
};

/// Consecutive groups.
struct Groups {
    std::size_t first, last;
};

/// Moments of a part of the rows, each evaluated under the candidates of its best component; the best of these are
/// found. share has one value for each candidate. Without share and out, only the best components are looked for
/// (truncated.hpp). Returns the groups of the part.
template <class T>
using TruncatedFunction = Groups (*)(Representation, const Rows<T>&, const Parameters&, const Candidates&, Portion,
                                     const std::int32_t* best, std::int32_t* found, double* share, double* out);

template <class T>
struct Passes {
    MomentsFunction<T> moments[n_representations];
    EvaluateFunction<T> evaluate[n_representations];
    GivenFunction<T> dense_given, diagonal_given;
    EmFunction<T> em_steps;
    IncompleteMomentsFunction<T> incomplete_moments;
    IncompleteLogJointFunction<T> incomplete_log_joint;
    NoisyMomentsFunction<T> noisy_moments;
    NoisyLogJointFunction<T> noisy_log_joint;
    StudentFunction<T> student_moments;
    TruncatedFunction<T> truncated_moments;
};

struct KernelTable {
    const char* name;
    Passes<float> of_float;
    Passes<double> of_double;
    /// Inverse Cholesky factors of (K, D, D) covariances; see cholesky.hpp.
    void (*precision_cholesky)(const double* covariances, std::size_t n_components, std::size_t n_features,
                               double* factors, double* log_determinants, bool* ok);
};

namespace v2 { const KernelTable& table(); }
namespace v3 { const KernelTable& table(); }
namespace v4 { const KernelTable& table(); }
namespace plain { const KernelTable& table(); }

}  // namespace gaussmix
