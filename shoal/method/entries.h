// The entries of the method catalogue, each at the end of the file that implements it.
#pragma once

#include "shoal/method/method.h"

namespace shoal {

CatalogueEntry<Method> server_sgd_entry();
CatalogueEntry<Method> slsgd_entry();
CatalogueEntry<Method> federated_entry();
CatalogueEntry<Method> fedavg_entry();
CatalogueEntry<Method> fedavgm_entry();
CatalogueEntry<Method> fedprox_entry();
CatalogueEntry<Method> fedadagrad_entry();
CatalogueEntry<Method> fedadam_entry();
CatalogueEntry<Method> fedyogi_entry();
CatalogueEntry<Method> fednova_entry();
CatalogueEntry<Method> scaffold_entry();
CatalogueEntry<Method> mimelite_entry();
CatalogueEntry<Method> dpsgd_entry();
CatalogueEntry<Method> dpsgd_combine_first_entry();
CatalogueEntry<Method> monna_entry();
CatalogueEntry<Method> gradient_tracking_entry();
CatalogueEntry<Method> d2_entry();
CatalogueEntry<Method> choco_entry();
CatalogueEntry<Method> decentralized_diana_entry();
CatalogueEntry<Method> relaysgd_entry();
CatalogueEntry<Method> async_sgd_entry();
CatalogueEntry<Method> all_reduce_sgd_entry();
CatalogueEntry<Method> local_sgd_entry();
CatalogueEntry<Method> local_adaalter_entry();
CatalogueEntry<Method> cser_entry();
CatalogueEntry<Method> one_byte_entry();
CatalogueEntry<Method> masha1_entry();
CatalogueEntry<Method> masha2_entry();
CatalogueEntry<Method> extragradient_entry();
CatalogueEntry<Method> compressed_extragradient_entry();
CatalogueEntry<Method> qsgda_entry();
CatalogueEntry<Method> ef_gda_entry();

}  // namespace shoal
