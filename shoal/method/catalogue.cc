#include "shoal/method/entries.h"

namespace shoal {

const Catalogue<Method>& methods() {
  static const Catalogue<Method> all("method", {
                                                   fedavg_entry(),
                                                   fedavgm_entry(),
                                                   fedprox_entry(),
                                                   fedadagrad_entry(),
                                                   fedadam_entry(),
                                                   fedyogi_entry(),
                                                   fednova_entry(),
                                                   scaffold_entry(),
                                                   mimelite_entry(),
                                                   server_sgd_entry(),
                                                   slsgd_entry(),
                                                   federated_entry(),
                                                   dpsgd_entry(),
                                                   dpsgd_combine_first_entry(),
                                                   monna_entry(),
                                                   gradient_tracking_entry(),
                                                   d2_entry(),
                                                   choco_entry(),
                                                   decentralized_diana_entry(),
                                                   relaysgd_entry(),
                                                   async_sgd_entry(),
                                                   all_reduce_sgd_entry(),
                                                   local_sgd_entry(),
                                                   local_adaalter_entry(),
                                                   cser_entry(),
                                                   one_byte_entry(),
                                                   masha1_entry(),
                                                   masha2_entry(),
                                                   extragradient_entry(),
                                                   compressed_extragradient_entry(),
                                                   qsgda_entry(),
                                                   ef_gda_entry(),
                                               });
  return all;
}

}  // namespace shoal
