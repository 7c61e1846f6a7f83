// Python bindings: checks of types and shapes, release of the GIL, and nothing else.
//
// Each build that this machine can run becomes a submodule (v2, v3, v4 or plain) with the same functions. A wrong
// dtype, order or dimension raises TypeError, a wrong length ValueError; nothing is converted or copied.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <optional>
#include <string>
#include <vector>

#include "interface.hpp"

namespace nb = nanobind;

namespace {

using namespace gaussmix;

template <class T, int N>
using Array = nb::ndarray<T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;
template <class T>
using Matrix = Array<const T, 2>;
using Vector = Array<const double, 1>;
using AnyDimension = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using Weight = std::optional<Vector>;

void require(bool condition, const char* what) {
    if (!condition) throw nb::value_error(what);
}

template <class T>
Rows<T> rows_of(const Matrix<T>& X, const Weight& weight) {
    require(!weight || weight->shape(0) == X.shape(0), "weight must have one value for each row of X");
    require(X.shape(1) > 0, "X must have at least one column");
    return {X.data(), weight ? weight->data() : nullptr, X.shape(0), X.shape(1)};
}

bool has_shape(const AnyDimension& array, std::initializer_list<std::size_t> shape) {
    if (array.ndim() != shape.size()) return false;
    std::size_t axis = 0;
    for (const std::size_t length : shape)
        if (array.shape(axis++) != length) return false;
    return true;
}

Parameters parameters_of(Representation kind, std::size_t d, const Vector& log_constant, const Matrix<double>& means,
                         const AnyDimension& precision) {
    const std::size_t K = log_constant.shape(0);
    require(K > 0, "log_constant must have at least one component");
    require(means.shape(0) == K && means.shape(1) == d, "means must have the shape (n_components, n_features)");
    const bool fits = kind == dense      ? has_shape(precision, {K, d, d})
                      : kind == shared   ? has_shape(precision, {d, d})
                      : kind == diagonal ? has_shape(precision, {K, d})
                                         : has_shape(precision, {K});
    require(fits, "the precision must have the shape that its representation asks for");
    return {K, log_constant.data(), means.data(), precision.data()};
}

/// Length of [log-likelihood, weight, count, first, second].
std::size_t size_of_moments(Representation kind, std::size_t K, std::size_t d) {
    const std::size_t second = kind == dense ? K * d * d : kind == shared ? d * d : kind == diagonal ? K * d : K;
    return 2 + K + K * d + second;
}

template <class T>
void bind_moments(nb::module_& m, const char* name, Representation kind, MomentsFunction<T> run) {
    m.def(
        name,
        [=](Matrix<T> X, Weight weight, Vector log_constant, Matrix<double> means, AnyDimension precision,
            Array<double, 1> out, bool hard) {
            const Rows<T> rows = rows_of<T>(X, weight);
            const Parameters parameters = parameters_of(kind, rows.n_features, log_constant, means, precision);
            require(out.shape(0) == size_of_moments(kind, parameters.n_components, rows.n_features),
                    "out must have the length of the moments");
            nb::gil_scoped_release release;
            run(rows, parameters, hard, out.data());
        },
        nb::arg("X").noconvert(), nb::arg("weight").noconvert().none(), nb::arg("log_constant").noconvert(),
        nb::arg("means").noconvert(), nb::arg("precision").noconvert(), nb::arg("out").noconvert(),
        nb::arg("hard") = false);
}

template <class T>
bool receives(const nb::ndarray<nb::c_contig, nb::device::cpu>& out, Part part, std::size_t n, std::size_t K) {
    const bool per_component = part == Part::log_joint || part == Part::posterior;
    const bool typed = part == Part::labels ? out.dtype() == nb::dtype<std::int64_t>() : out.dtype() == nb::dtype<T>();
    return typed && out.ndim() == (per_component ? 2 : 1) && out.shape(0) == n && (!per_component || out.shape(1) == K);
}

template <class T>
void bind_evaluate(nb::module_& m, const char* name, Representation kind, EvaluateFunction<T> run) {
    m.def(
        name,
        [=](Matrix<T> X, Vector log_constant, Matrix<double> means, AnyDimension precision, int what,
            nb::ndarray<nb::c_contig, nb::device::cpu> out) {
            const Rows<T> rows = rows_of<T>(X, std::nullopt);
            const Parameters parameters = parameters_of(kind, rows.n_features, log_constant, means, precision);
            require(what >= 0 && what <= 3, "what must be 0 (log_joint), 1 (posterior), 2 (log_prob) or 3 (labels)");
            require(receives<T>(out, Part(what), rows.n_rows, parameters.n_components),
                    "out must have the shape and type of what is asked for");
            nb::gil_scoped_release release;
            run(rows, parameters, Part(what), out.data());
        },
        nb::arg("X").noconvert(), nb::arg("log_constant").noconvert(), nb::arg("means").noconvert(),
        nb::arg("precision").noconvert(), nb::arg("what"), nb::arg("out").noconvert());
}

template <class T>
void bind_given(nb::module_& m, const char* name, Representation kind, GivenFunction<T> run) {
    m.def(
        name,
        [=](Matrix<T> X, Matrix<double> responsibilities, Matrix<double> reference, Array<double, 1> out) {
            const Rows<T> rows = rows_of<T>(X, std::nullopt);
            const std::size_t K = reference.shape(0);
            require(reference.shape(1) == rows.n_features, "reference must have the shape (n_components, n_features)");
            require(responsibilities.shape(0) == rows.n_rows && responsibilities.shape(1) == K && K > 0,
                    "responsibilities must have the shape (n_rows, n_components)");
            require(out.shape(0) == size_of_moments(kind, K, rows.n_features), "out must have the length of the moments");
            nb::gil_scoped_release release;
            run(rows, responsibilities.data(), reference.data(), K, out.data());
        },
        nb::arg("X").noconvert(), nb::arg("responsibilities").noconvert(), nb::arg("reference").noconvert(),
        nb::arg("out").noconvert());
}

template <class T>
void bind_em_steps(nb::module_& m, EmFunction<T> run) {
    using Changed = Array<double, 1>;
    m.def(
        "em_steps",
        [=](int kind, Matrix<T> X, Weight weight, Changed weights, Array<double, 2> means,
            nb::ndarray<double, nb::c_contig, nb::device::cpu> covariances, Weight added_variance, Changed bounds,
            Changed movements) {
            const Rows<T> rows = rows_of<T>(X, weight);
            const std::size_t K = weights.shape(0), d = rows.n_features;
            require(kind >= 0 && kind < n_representations && K > 0, "there is no such representation");
            require(means.shape(0) == K && means.shape(1) == d, "means must have the shape (n_components, n_features)");
            require(2 + K + K * d + covariances.size() == size_of_moments(Representation(kind), K, d),
                    "the covariances must have the shape of their representation");
            require(!added_variance || added_variance->shape(0) == d, "added_variance must have one value for each feature");
            require(bounds.shape(0) == movements.shape(0), "bounds and movements must be of one length");
            const EmState state = {K, weights.data(), means.data(), covariances.data(),
                                   added_variance ? added_variance->data() : nullptr};
            nb::gil_scoped_release release;
            return run(Representation(kind), rows, state, bounds.shape(0), bounds.data(), movements.data());
        },
        nb::arg("kind"), nb::arg("X").noconvert(), nb::arg("weight").noconvert().none(), nb::arg("weights").noconvert(),
        nb::arg("means").noconvert(), nb::arg("covariances").noconvert(), nb::arg("added_variance").noconvert().none(),
        nb::arg("bounds").noconvert(), nb::arg("movements").noconvert());
}

IncompleteMixture incomplete_mixture_of(std::size_t d, const Vector& log_weights, const Matrix<double>& means,
                                        const Array<const double, 3>& covariances) {
    const std::size_t K = log_weights.shape(0), n_matrices = covariances.shape(0);
    require(K > 0, "log_weights must have at least one component");
    require(means.shape(0) == K && means.shape(1) == d, "means must have the shape (n_components, n_features)");
    require((n_matrices == K || n_matrices == 1) && covariances.shape(1) == d && covariances.shape(2) == d,
            "covariances must have the shape (n_components or 1, n_features, n_features)");
    return {K, n_matrices, log_weights.data(), means.data(), covariances.data()};
}

template <class T>
void bind_incomplete(nb::module_& m, IncompleteMomentsFunction<T> moments, IncompleteLogJointFunction<T> log_joint) {
    m.def(
        "incomplete_moments",
        [=](Matrix<T> X, Weight weight, Vector log_weights, Matrix<double> means, Array<const double, 3> covariances,
            Array<double, 1> out, bool hard) {
            const Rows<T> rows = rows_of<T>(X, weight);
            const IncompleteMixture mixture = incomplete_mixture_of(rows.n_features, log_weights, means, covariances);
            require(out.shape(0) == size_of_moments(dense, mixture.n_components, rows.n_features),
                    "out must have the length of the moments");
            nb::gil_scoped_release release;
            moments(rows, mixture, hard, out.data());
        },
        nb::arg("X").noconvert(), nb::arg("weight").noconvert().none(), nb::arg("log_weights").noconvert(),
        nb::arg("means").noconvert(), nb::arg("covariances").noconvert(), nb::arg("out").noconvert(),
        nb::arg("hard") = false);
    m.def(
        "incomplete_log_joint",
        [=](Matrix<T> X, Vector log_weights, Matrix<double> means, Array<const double, 3> covariances,
            Array<double, 2> out) {
            const Rows<T> rows = rows_of<T>(X, std::nullopt);
            const IncompleteMixture mixture = incomplete_mixture_of(rows.n_features, log_weights, means, covariances);
            require(out.shape(0) == rows.n_rows && out.shape(1) == mixture.n_components,
                    "out must have the shape (n_rows, n_components)");
            nb::gil_scoped_release release;
            log_joint(rows, mixture, out.data());
        },
        nb::arg("X").noconvert(), nb::arg("log_weights").noconvert(), nb::arg("means").noconvert(),
        nb::arg("covariances").noconvert(), nb::arg("out").noconvert());
}

template <class T>
void bind_noisy(nb::module_& m, NoisyMomentsFunction<T> moments, NoisyLogJointFunction<T> log_joint) {
    const auto fits = [](const Rows<T>& rows, const Array<const double, 3>& noise) {
        require(noise.shape(0) == rows.n_rows && noise.shape(1) == rows.n_features && noise.shape(2) == rows.n_features,
                "noise must have the shape (n_rows, n_features, n_features)");
    };
    m.def(
        "noisy_moments",
        [=](Matrix<T> X, Weight weight, Array<const double, 3> noise, Vector log_weights, Matrix<double> means,
            Array<const double, 3> covariances, Array<double, 1> out, bool hard) {
            const Rows<T> rows = rows_of<T>(X, weight);
            fits(rows, noise);
            const IncompleteMixture mixture = incomplete_mixture_of(rows.n_features, log_weights, means, covariances);
            require(out.shape(0) == size_of_moments(dense, mixture.n_components, rows.n_features),
                    "out must have the length of the moments");
            nb::gil_scoped_release release;
            moments(rows, noise.data(), mixture, hard, out.data());
        },
        nb::arg("X").noconvert(), nb::arg("weight").noconvert().none(), nb::arg("noise").noconvert(),
        nb::arg("log_weights").noconvert(), nb::arg("means").noconvert(), nb::arg("covariances").noconvert(),
        nb::arg("out").noconvert(), nb::arg("hard") = false);
    m.def(
        "noisy_log_joint",
        [=](Matrix<T> X, Array<const double, 3> noise, Vector log_weights, Matrix<double> means,
            Array<const double, 3> covariances, Array<double, 2> out) {
            const Rows<T> rows = rows_of<T>(X, std::nullopt);
            fits(rows, noise);
            const IncompleteMixture mixture = incomplete_mixture_of(rows.n_features, log_weights, means, covariances);
            require(out.shape(0) == rows.n_rows && out.shape(1) == mixture.n_components,
                    "out must have the shape (n_rows, n_components)");
            nb::gil_scoped_release release;
            log_joint(rows, noise.data(), mixture, out.data());
        },
        nb::arg("X").noconvert(), nb::arg("noise").noconvert(), nb::arg("log_weights").noconvert(),
        nb::arg("means").noconvert(), nb::arg("covariances").noconvert(), nb::arg("out").noconvert());
}

template <class T>
void bind_student(nb::module_& m, StudentFunction<T> run) {
    m.def(
        "student_moments",
        [=](int kind, Matrix<T> X, Weight weight, Vector log_constant, Matrix<double> means, AnyDimension precision,
            Vector degrees, Array<double, 1> out, bool hard) {
            const Rows<T> rows = rows_of<T>(X, weight);
            require(kind >= 0 && kind < n_representations, "there is no such representation");
            const Representation representation = Representation(kind);
            const std::size_t d = rows.n_features;
            const Parameters parameters = parameters_of(representation, d, log_constant, means, precision);
            const std::size_t K = parameters.n_components;
            require(degrees.shape(0) == K, "degrees must have one value for each component");
            require(out.shape(0) == size_of_moments(representation, K, d) + 3 * K,
                    "out must have the length of the moments and three more values for each component");
            nb::gil_scoped_release release;
            return run(representation, rows, parameters, degrees.data(), hard, out.data());
        },
        nb::arg("kind"), nb::arg("X").noconvert(), nb::arg("weight").noconvert().none(),
        nb::arg("log_constant").noconvert(), nb::arg("means").noconvert(), nb::arg("precision").noconvert(),
        nb::arg("degrees").noconvert(), nb::arg("out").noconvert(), nb::arg("hard") = false);
}

/// Whether all numbers of an array lie in 0 .. end.
bool all_below(const std::int32_t* numbers, std::size_t count, std::size_t end) {
    bool below = true;
    for (std::size_t i = 0; i < count; ++i) below &= std::size_t(std::uint32_t(numbers[i])) < end;
    return below;
}

Candidates candidates_of(std::size_t K, const Array<const std::int32_t, 1>& group_of,
                         const Array<const std::int64_t, 1>& starts, const Array<const std::int32_t, 1>& components) {
    require(starts.shape(0) > 1, "starts must have one value more than there are groups");
    const std::size_t G = starts.shape(0) - 1;
    require(group_of.shape(0) == K && all_below(group_of.data(), K, G), "group_of must have the group of each component");
    require(starts.data()[0] == 0 && std::size_t(starts.data()[G]) == components.shape(0),
            "starts must begin with 0 and end with the number of candidates");
    for (std::size_t g = 0; g < G; ++g)
        require(starts.data()[g] < starts.data()[g + 1], "starts must rise: each group has candidates");
    require(all_below(components.data(), components.shape(0), K), "candidates must be components");
    return {G, group_of.data(), starts.data(), components.data()};
}

template <class T>
void bind_truncated(nb::module_& m, TruncatedFunction<T> run) {
    using Numbers = Array<const std::int32_t, 1>;
    m.def(
        "truncated_moments",
        [=](int kind, Matrix<T> X, Weight weight, Vector log_constant, Matrix<double> means, AnyDimension precision,
            Numbers group_of, Array<const std::int64_t, 1> starts, Numbers components, std::size_t part,
            std::size_t n_parts, Numbers best, Array<std::int32_t, 1> found,
            std::optional<Array<double, 1>> share, std::optional<Array<double, 1>> out) {
            const Rows<T> rows = rows_of<T>(X, weight);
            require(kind >= 0 && kind < n_representations, "there is no such representation");
            const Representation representation = Representation(kind);
            const Parameters parameters =
                parameters_of(representation, rows.n_features, log_constant, means, precision);
            const std::size_t K = parameters.n_components;
            const Candidates candidates = candidates_of(K, group_of, starts, components);
            require(best.shape(0) == rows.n_rows && all_below(best.data(), rows.n_rows, K),
                    "best must have the component of each row");
            require(found.shape(0) == rows.n_rows && found.data() != best.data(),
                    "found must have a place for each row, elsewhere than best");
            require(share.has_value() == out.has_value(), "share and out go together");
            require(!share || share->shape(0) == components.shape(0), "share must have one value for each candidate");
            require(!out || out->shape(0) == size_of_moments(representation, K, rows.n_features),
                    "out must have the length of the moments");
            require(part < n_parts, "part must be below n_parts");
            Groups groups;
            {
                nb::gil_scoped_release release;
                groups = run(representation, rows, parameters, candidates, {part, n_parts}, best.data(), found.data(),
                             share ? share->data() : nullptr, out ? out->data() : nullptr);
            }
            return nb::make_tuple(groups.first, groups.last);
        },
        nb::arg("kind"), nb::arg("X").noconvert(), nb::arg("weight").noconvert().none(),
        nb::arg("log_constant").noconvert(), nb::arg("means").noconvert(), nb::arg("precision").noconvert(),
        nb::arg("group_of").noconvert(), nb::arg("starts").noconvert(), nb::arg("components").noconvert(),
        nb::arg("part"), nb::arg("n_parts"), nb::arg("best").noconvert(), nb::arg("found").noconvert(),
        nb::arg("share").noconvert().none(), nb::arg("out").noconvert().none());
}

template <class T>
void bind_passes(nb::module_& m, const Passes<T>& passes) {
    const char* names[] = {"dense", "shared", "diagonal", "spherical"};
    for (int kind = 0; kind < n_representations; ++kind) {
        const std::string name = names[kind];
        bind_moments<T>(m, (name + "_moments").c_str(), Representation(kind), passes.moments[kind]);
        bind_evaluate<T>(m, (name + "_evaluate").c_str(), Representation(kind), passes.evaluate[kind]);
    }
    bind_given<T>(m, "dense_moments_given", dense, passes.dense_given);
    bind_given<T>(m, "diagonal_moments_given", diagonal, passes.diagonal_given);
    bind_em_steps<T>(m, passes.em_steps);
    bind_incomplete<T>(m, passes.incomplete_moments, passes.incomplete_log_joint);
    bind_noisy<T>(m, passes.noisy_moments, passes.noisy_log_joint);
    bind_student<T>(m, passes.student_moments);
    bind_truncated<T>(m, passes.truncated_moments);
}

/// A new NumPy array that owns its memory.
template <class T>
nb::ndarray<nb::numpy, T> owned(std::initializer_list<std::size_t> shape, T*& data) {
    std::size_t size = 1;
    for (const std::size_t length : shape) size *= length;
    data = new T[size];
    nb::capsule owner(data, [](void* memory) noexcept { delete[] static_cast<T*>(memory); });
    return nb::ndarray<nb::numpy, T>(data, shape, owner);
}

void bind_cholesky(nb::module_& m, const KernelTable& kernel) {
    m.def(
        "precision_cholesky",
        [run = kernel.precision_cholesky](Array<const double, 3> covariances) {
            const std::size_t K = covariances.shape(0), d = covariances.shape(1);
            require(covariances.shape(2) == d, "covariances must have the shape (n_components, n_features, n_features)");
            double *factor_data, *log_determinant_data;
            bool* ok_data;
            auto factors = owned<double>({K, d, d}, factor_data);
            auto log_determinants = owned<double>({K}, log_determinant_data);
            auto ok = owned<bool>({K}, ok_data);
            {
                nb::gil_scoped_release release;
                run(covariances.data(), K, d, factor_data, log_determinant_data, ok_data);
            }
            return nb::make_tuple(factors, log_determinants, ok);
        },
        nb::arg("covariances").noconvert());
}

void bind_kernel(nb::module_& parent, nb::list& available, const KernelTable& kernel) {
    nb::module_ m = parent.def_submodule(kernel.name);
    bind_passes(m, kernel.of_float);
    bind_passes(m, kernel.of_double);
    bind_cholesky(m, kernel);
    available.append(kernel.name);
}

}  // namespace

NB_MODULE(_native, m) {
    nb::list available;  // the slowest first
#ifdef GAUSSMIX_HAS_PLAIN
    bind_kernel(m, available, plain::table());
#endif
#ifdef GAUSSMIX_HAS_V2
    if (__builtin_cpu_supports("x86-64-v2")) bind_kernel(m, available, v2::table());
#endif
#ifdef GAUSSMIX_HAS_V3
    if (__builtin_cpu_supports("x86-64-v3")) bind_kernel(m, available, v3::table());
#endif
#ifdef GAUSSMIX_HAS_V4
    if (__builtin_cpu_supports("x86-64-v4")) bind_kernel(m, available, v4::table());
#endif
    m.attr("available") = nb::tuple(available);
}
