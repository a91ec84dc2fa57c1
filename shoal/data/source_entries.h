// The entries of data_sources(); each stands at the end of the file that implements it.
#pragma once

#include "shoal/data/source.h"

namespace shoal {

using SourceEntry = CatalogueEntry<DataSource>;

// known_sources.cc
SourceEntry fashion_mnist_entry();
SourceEntry digits_entry();
SourceEntry breast_cancer_entry();

// path_sources.cc
SourceEntry idx_entry();
SourceEntry csv_entry();
SourceEntry npy_entry();
SourceEntry libsvm_entry();
SourceEntry leaf_entry();

// synthetic.cc, quadratics.cc
SourceEntry random_quadratics_entry();
SourceEntry scalar_quadratics_entry();
SourceEntry scaled_quadratics_entry();
SourceEntry shifted_quadratics_entry();
SourceEntry synthetic_logistic_entry();
SourceEntry synthetic_ab_entry();
SourceEntry fcube_source_entry();

// diagonal_quadratics.cc
SourceEntry diagonal_quadratics_entry();
// saddles.cc
SourceEntry bilinear_saddles_entry();

// shape_source.cc
SourceEntry shape_source_entry();

}  // namespace shoal
