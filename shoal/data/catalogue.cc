// The data sources and partitions by name.
#include "shoal/data/partition_entries.h"
#include "shoal/data/source_entries.h"

namespace shoal {

const Catalogue<DataSource>& data_sources() {
  static const Catalogue<DataSource> all(
      "data source",
      {fashion_mnist_entry(), digits_entry(), breast_cancer_entry(), idx_entry(), csv_entry(),
       npy_entry(), libsvm_entry(), leaf_entry(), random_quadratics_entry(),
       scalar_quadratics_entry(), scaled_quadratics_entry(), shifted_quadratics_entry(),
       diagonal_quadratics_entry(), synthetic_logistic_entry(), synthetic_ab_entry(),
       fcube_source_entry(), bilinear_saddles_entry(), shape_source_entry()});
  return all;
}

const Catalogue<Partitioner>& partitioners() {
  static const Catalogue<Partitioner> all(
      "partition",
      {iid_partition_entry(), shards_partition_entry(), labels_per_client_entry(),
       dirichlet_clients_entry(), dirichlet_labels_entry(), pachinko_entry(),
       quantity_dirichlet_entry(), quantity_lognormal_entry(), power_law_entry(),
       noise_skew_entry(), spatial_noise_entry(), transform_skew_entry(), fcube_partition_entry(),
       colour_split_entry(), concept_skew_entry(), users_partition_entry(), temporal_entry(),
       class_lists_entry(), resample_partition_entry()});
  return all;
}

}  // namespace shoal
