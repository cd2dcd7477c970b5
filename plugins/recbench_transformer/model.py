class Transformer: pass
