"""The mesh's own network: who has which address, the links between pods, what becomes of packets for virtual addresses, and the Envoys at its edge."""
