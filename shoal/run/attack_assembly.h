// Who lies in an assembly and what they do: the part of assemble() that [attack] asks for.
#pragma once

#include "shoal/run/assembly.h"

namespace shoal {

// Draws the liars; an attack on data gives them their rows, before anything is made of the
// partition. The partition is there; `own_data`: members bring rows that it does not list.
Status add_liars(Assembly& a, bool own_data);
// Tells the problem, which the method knows, of liars who train otherwise; an error where they do
// not train so that they could.
Status add_local_attack(Assembly& a, const MethodParts& parts);
// An attack on messages or on values in transit. The method's parts are complete.
Status add_adversary(Assembly& a, const MethodParts& parts);

}  // namespace shoal
