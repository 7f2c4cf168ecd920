"""`proxy-config`: what one Envoy holds, as tables with istioctl's columns. Each module turns a part of Envoy's admin answers into rows."""
