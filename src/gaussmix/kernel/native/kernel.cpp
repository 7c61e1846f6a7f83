// One build of the kernel. Compiled once for each instruction set with GAUSSMIX_ISA (its name) and
// GAUSSMIX_VECTOR_BYTES (16, 32 or 64) defined.
#include "cholesky.hpp"
#include "em.hpp"
#include "evaluate.hpp"
#include "given.hpp"
#include "linear_moments.hpp"
#include "noisy.hpp"
#include "student.hpp"
#include "truncated.hpp"

#define GAUSSMIX_STRING_OF(x) #x
#define GAUSSMIX_STRING(x) GAUSSMIX_STRING_OF(x)

namespace gaussmix::GAUSSMIX_ISA {

template <class T>
constexpr Passes<T> passes() {
    return {{dense_moments<T>, linear_or_exact_moments<T, shared>, linear_or_exact_moments<T, diagonal>,
             linear_or_exact_moments<T, spherical>},
            {dense_evaluate<T>, shared_evaluate<T>, diagonal_evaluate<T, diagonal>, diagonal_evaluate<T, spherical>},
            moments_given<T, dense>,
            moments_given<T, diagonal>,
            em_steps<T>,
            incomplete_moments<T>,
            incomplete_log_joint<T>,
            noisy_moments<T>,
            noisy_log_joint<T>,
            student_moments<T>,
            truncated_moments<T>};
}

const KernelTable& table() {
    static constexpr KernelTable kernel = {GAUSSMIX_STRING(GAUSSMIX_ISA), passes<float>(), passes<double>(),
                                           precision_cholesky};
    return kernel;
}

}  // namespace gaussmix::GAUSSMIX_ISA
